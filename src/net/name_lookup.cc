#include "net/name_lookup.h"

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <netdb.h>

#include "net/loop_impl.h"

namespace hedgerow::net {
namespace {

name_answer failed(std::string why) {
  return {{}, std::move(why)};
}

}  // namespace

name_answer look_up(const std::string& host) {
  if (const auto literal = ip_address::parse(host)) return {{*literal}, {}};
  // The resolver would read up to the zero byte.
  if (host.find('\0') != std::string::npos) return failed("not a host name");
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* first = nullptr;
  const int wrong = getaddrinfo(host.c_str(), nullptr, &wanted, &first);
  if (wrong == EAI_SYSTEM) return failed(std::system_category().message(errno));
  if (wrong != 0) return failed(gai_strerror(wrong));
  name_answer out;
  for (const addrinfo* each = first; each != nullptr; each = each->ai_next) {
    if (const auto at = endpoint_of(each->ai_addr)) out.addresses.push_back(at->host);
  }
  freeaddrinfo(first);
  if (out.addresses.empty()) out.error = "it has no address";
  return out;
}

// Outlives its owner for as long as a thread resolves.
struct name_lookups::mailbox {
  std::mutex lock;
  name_lookups* owner = nullptr;  // guarded by lock; null once it is gone
};

name_lookups::name_lookups(event_loop::impl& loop)
    : loop_(loop), mailbox_(std::make_shared<mailbox>()) {
  mailbox_->owner = this;
}

name_lookups::~name_lookups() {
  const std::lock_guard hold(mailbox_->lock);
  mailbox_->owner = nullptr;
}

name_lookups::ticket name_lookups::start(const std::string& host, handler done) {
  const auto [entry, fresh] = asked_.try_emplace(host);
  if (fresh) {
    waiting_.push_back(host);
    loop_.post([this] { begin_waiting(); });
  }
  entry->second.emplace(++last_, std::move(done));
  return last_;
}

void name_lookups::cancel(ticket which) {
  for (auto& [host, asking] : asked_) {
    if (asking.erase(which) > 0) return;
  }
}

void name_lookups::begin_waiting() {
  while (running_ < threads_max && !waiting_.empty()) {
    const std::string host = std::move(waiting_.front());
    waiting_.pop_front();
    const auto asking = asked_.find(host);
    if (asking == asked_.end()) continue;
    if (asking->second.empty()) {
      asked_.erase(asking);
    } else {
      begin(host);
    }
  }
}

void name_lookups::begin(const std::string& host) {
  ++running_;
  try {
    std::thread([host, resolve = resolve_, box = mailbox_] {
      const name_answer answer = resolve(host);
      const std::lock_guard hold(box->lock);
      if (box->owner == nullptr) return;
      box->owner->loop_.post([owner = box->owner, host, answer] { owner->finish(host, answer); });
    }).detach();
  } catch (const std::system_error& none) {
    loop_.post([this, host, why = std::string(none.what())] { finish(host, failed(why)); });
  }
}

void name_lookups::finish(const std::string& host, const name_answer& answer) {
  --running_;
  auto asked = asked_.extract(host);
  begin_waiting();
  if (asked.empty()) return;
  for (const auto& [id, done] : asked.mapped())
    done(answer);
}

}  // namespace hedgerow::net
