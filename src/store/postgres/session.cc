#include "store/postgres/session.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "store/patience.h"
#include "store/postgres/failures.h"
#include "store/postgres/lookup.h"

namespace hedgerow::store::postgres {
namespace {

constexpr std::int64_t ns_per_second = 1'000'000'000;

struct connection_end {
  void operator()(PGconn* c) const { PQfinish(c); }
};

std::shared_ptr<PGresult> own(PGresult* raw) {
  return {raw, [](PGresult* r) { PQclear(r); }};
}

// A commit that was acknowledged although a standby was not waited for comes with a warning. The
// receiver only notes that there was one.
void note_warning(void* warned, const PGresult* notice) {
  if (doubts_the_commit(*notice)) *static_cast<bool*>(warned) = true;
}

class keywords {
 public:
  explicit keywords(const target& to) {
    for (const auto& [key, value] : to.parameters)
      add(key.c_str(), value);
  }
  void add(const char* key, const std::string& value) {
    if (value.empty()) return;
    keys_.push_back(key);
    values_.push_back(value.c_str());
  }
  PGconn* start() {
    keys_.push_back(nullptr);
    values_.push_back(nullptr);
    return PQconnectStartParams(keys_.data(), values_.data(), 0);
  }

 private:
  std::vector<const char*> keys_;
  std::vector<const char*> values_;
};

}  // namespace

session::session(target to)
    : target_(std::move(to)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

session::~session() {
  close();
  ::close(wake_);
}

void session::close() {
  conn_.reset();
}

void session::cancel() noexcept {
  eventfd_write(wake_, 1);
}

std::string session::name() const {
  return target_.name;
}

session::readiness session::wait(short events, boot_time deadline) const {
  // poll passes over a descriptor below zero.
  pollfd fds[] = {{conn_ ? PQsocket(conn_.get()) : -1, events, 0}, {wake_, POLLIN, 0}};
  for (;;) {
    const std::int64_t left = std::max<std::int64_t>(0, (deadline - boot_now()).count());
    const timespec time{left / ns_per_second, left % ns_per_second};
    const int found = ppoll(fds, 2, &time, nullptr);
    if (fds[1].revents != 0) return readiness::cancelled;
    if (found > 0) return readiness::ready;
    if (boot_now() >= deadline) return readiness::timeout;
  }
}

result<void> session::connect(boot_time deadline) {
  close();
  late_ = false;
  std::string trouble;
  const auto all = look_up(target_.servers, trouble);
  const std::size_t count = all.size();
  error last(errc::store_unavailable, trouble);
  bool all_refuse = count > 0;
  std::size_t tried = 0;
  for (; tried < count; ++tried) {
    const boot_time now = boot_now();
    if (now >= deadline) break;
    here_ = all[(next_ + tried) % count];
    const nanoseconds share = (deadline - now) / static_cast<std::int64_t>(count - tried);
    auto connected = connect_to(here_, now + share);
    if (connected) {
      next_ = (next_ + tried) % count;
      return {};
    }
    close();
    all_refuse = all_refuse && connected.error().code == errc::store_refused;
    last = std::move(connected).error();
  }
  if (count > 0) next_ = (next_ + tried) % count;
  if (!all_refuse) last.code = make_error_code(errc::store_unavailable);
  last.context = fmt::format("the store {}: {}", target_.name, last.context);
  return tl::unexpected(std::move(last));
}

result<void> session::connect_to(const server& one, boot_time deadline) {
  keywords all(target_);
  all.add("host", one.host);
  all.add("hostaddr", one.address);
  all.add("port", one.port);
  conn_ = std::shared_ptr<PGconn>(all.start(), connection_end());
  if (!conn_) return fail(errc::store_unavailable, "out of memory");
  // The SQLSTATE of a failed connect is told in its text only.
  PQsetErrorVerbosity(conn_.get(), PQERRORS_VERBOSE);
  PQsetNoticeReceiver(conn_.get(), note_warning, &warned_);
  connect_progress how;
  if (PQstatus(conn_.get()) == CONNECTION_BAD) return explain_connect(*conn_, how);
  short events = POLLOUT;
  for (;;) {
    const auto ready = wait(events, deadline);
    if (ready == readiness::cancelled) return fail(errc::store_unavailable, "stopped");
    if (ready == readiness::timeout) {
      late_ = late_ || how.reached;
      return fail(errc::store_unavailable, fmt::format("{} does not answer", to_string(one)));
    }
    const auto next = PQconnectPoll(conn_.get());
    how.see(*conn_);
    if (next == PGRES_POLLING_OK) break;
    if (next == PGRES_POLLING_FAILED) return explain_connect(*conn_, how);
    events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT;
  }
  const std::string address = PQhostaddr(conn_.get());
  const bool local = one.is_local() || is_loopback(address);
  if (!local && PQsslInUse(conn_.get()) == 0 && !target_.clear_text)
    return fail(errc::store_refused,
                fmt::format("{} would be spoken to in clear text: give the server a certificate, "
                            "or say sslmode=disable in the URL",
                            to_string(one)));
  PQsetnonblocking(conn_.get(), 1);
  return {};
}

bool session::alive() {
  if (!conn_) return false;
  // First comes the reason why it hangs up, then the end.
  pollfd fd{PQsocket(conn_.get()), POLLIN, 0};
  while (poll(&fd, 1, 0) > 0) {
    if (PQconsumeInput(conn_.get()) == 0) return false;
  }
  return PQstatus(conn_.get()) == CONNECTION_OK;
}

sql_error session::gone(const std::string& why) {
  close();
  return {false, 0, fmt::format("the store {}: {}", target_.name, why)};
}

std::optional<sql_error> session::send_all(boot_time deadline) {
  for (int more = PQflush(conn_.get()); more != 0; more = PQflush(conn_.get())) {
    if (more < 0) return gone(words_of(*conn_));
    const auto ready = wait(POLLIN | POLLOUT, deadline);
    late_ = late_ || ready == readiness::timeout;
    if (ready != readiness::ready) return gone("does not take a statement in time");
    if (PQconsumeInput(conn_.get()) == 0) return gone(words_of(*conn_));
  }
  return std::nullopt;
}

// Of several statements, the first that failed, or the last.
sql_result<std::shared_ptr<PGresult>> session::last_result(boot_time deadline) {
  std::shared_ptr<PGresult> last;
  for (;;) {
    while (PQisBusy(conn_.get()) != 0) {
      const auto ready = wait(POLLIN, deadline);
      late_ = late_ || ready == readiness::timeout;
      if (ready != readiness::ready)
        return tl::unexpected(
            gone(ready == readiness::cancelled ? "stopped" : "does not answer in time"));
      if (PQconsumeInput(conn_.get()) == 0) return tl::unexpected(gone(words_of(*conn_)));
    }
    auto one = own(PQgetResult(conn_.get()));
    if (!one) break;
    const bool failed_before = last && PQresultStatus(last.get()) == PGRES_FATAL_ERROR;
    if (!failed_before) last = std::move(one);
  }
  if (!last) return tl::unexpected(gone("answered nothing"));
  switch (PQresultStatus(last.get())) {
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
      break;
    default:
      return tl::unexpected(failed(*last));
  }
  // Committed here, and perhaps not where it is to survive (lease reference 5.6).
  if (warned_)
    return tl::unexpected(gone("warned during a statement; its commit may not be replicated"));
  return last;
}

sql_error session::failed(const PGresult& how) {
  const failure why = explain(how);
  sql_error out{why.surely_not_done, 0, fmt::format("the store {}: {}", target_.name, why.text),
                why.sqlstate};
  if (why.leave || PQstatus(conn_.get()) != CONNECTION_OK) close();
  return out;
}

sql_result<rows> session::run(const statement& what, boot_time deadline) {
  warned_ = false;
  std::vector<const char*> values;
  for (const std::string& value : what.values())
    values.push_back(value.c_str());
  if (PQsendQueryParams(conn_.get(), what.sql().c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, 0) == 0)
    return tl::unexpected(gone(words_of(*conn_)));
  if (auto trouble = send_all(deadline)) return tl::unexpected(std::move(*trouble));
  auto answer = last_result(deadline);
  if (!answer) return tl::unexpected(std::move(answer).error());
  return rows(std::move(*answer));
}

sql_result<void> session::run_script(const std::string& sql, boot_time deadline) {
  warned_ = false;
  if (PQsendQuery(conn_.get(), sql.c_str()) == 0) return tl::unexpected(gone(words_of(*conn_)));
  if (auto trouble = send_all(deadline)) return tl::unexpected(std::move(*trouble));
  if (auto answer = last_result(deadline); !answer)
    return tl::unexpected(std::move(answer).error());
  return {};
}

bool session::wait_for_notification(boot_time deadline) {
  for (;;) {
    if (PGnotify* one = PQnotifies(conn_.get())) {
      PQfreemem(one);
      return true;
    }
    if (wait(POLLIN, deadline) != readiness::ready) return false;
    if (PQconsumeInput(conn_.get()) == 0) {
      close();
      return false;
    }
  }
}

void session::rest(boot_time until) const {
  wait(0, until);
}

sql_result<bool> session::pooled(boot_time deadline) {
  const auto answer = run(statement("SELECT pg_backend_pid()"), deadline);
  if (!answer) return tl::unexpected(answer.error());
  return answer->at(0).integer(0) != PQbackendPID(conn_.get());
}

}  // namespace hedgerow::store::postgres
