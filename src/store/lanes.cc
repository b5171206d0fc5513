#include "store/lanes.h"

#include <algorithm>
#include <future>
#include <mutex>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/assert.h"
#include "store/patience.h"
#include "store/worker.h"

namespace hedgerow::store {
namespace {

// A loop has at most a few statements under way at once; more means that the store hangs.
constexpr std::size_t queue_max = 1024;
constexpr auto end_within = milliseconds(180);

template <class Reply>
Reply refused(std::string why) {
  Reply reply;
  reply.error = std::move(why);
  return reply;
}

}  // namespace

struct lanes::lane {
  std::shared_ptr<connection> db;
  worker thread;

  // `closing`: one connection after the other, because only the last one can tidy SQLite's log
  // away, and two that close at the same moment both believe that they are not.
  lane(const std::string& name, const options& wanted, std::shared_ptr<std::mutex> closing)
      : db(wanted.connect()),
        thread(name, queue_max,
               [db = db, closing = std::move(closing)] {
                 const std::lock_guard lock(*closing);
                 db->close();
               },
               {wanted.idle_after, [db = db] { db->close(); }}) {}

  template <class Reply, class Request>
  void submit(const row_key& key, ports::request_id id, Request request, nanoseconds patience,
              const std::shared_ptr<reply_line>& replies) {
    const boot_time deadline = boot_now() + patience;
    thread.submit(
        {deadline,
         [id, db = db, key, request = std::move(request), deadline, replies] {
           if (!replies->closed()) replies->send(id, db->execute(key, request, deadline));
         },
         [id, replies](std::string why) { replies->send(id, refused<Reply>(std::move(why))); }});
  }
};

lanes::lanes(const options& wanted) {
  const auto closing = std::make_shared<std::mutex>();
  leases_ = std::make_unique<lane>("hedgerow-lease", wanted, closing);
  if (wanted.views) views_ = std::make_unique<lane>("hedgerow-view", wanted, closing);
}

result<std::shared_ptr<lanes>> lanes::open(const options& wanted) {
  HEDGEROW_ASSERT(wanted.connect != nullptr);
  std::shared_ptr<lanes> all;
  try {
    all.reset(new lanes(wanted));
  } catch (const std::system_error& e) {
    return fail(
        errc::store_unavailable,
        fmt::format(
            "no thread or descriptor for the store: {}; raise the limits (ulimit -u and -n)",
            e.what()));
  }
  const boot_time deadline = boot_now() + wanted.open_patience;
  for (lane* one : {all->leases_.get(), all->views_.get()}) {
    if (one == nullptr) continue;
    const auto connected = connect(*one, wanted, deadline);
    if (connected) continue;
    const bool absent = connected.error().code == errc::store_unavailable;
    if (!absent || !wanted.may_be_absent) return tl::unexpected(connected.error());
    break;  // the other would wait for the same
  }
  return all;
}

// On the worker, so that a hanging file system cannot hang the caller.
result<void> lanes::connect(lane& one, const options& wanted, boot_time deadline) {
  const auto promise = std::make_shared<std::promise<result<void>>>();
  auto future = promise->get_future();
  one.thread.submit({deadline,
                     [promise, db = one.db, deadline] { promise->set_value(db->ready(deadline)); },
                     [promise](std::string why) {
                       promise->set_value(fail(errc::store_unavailable, std::move(why)));
                     }});
  // A lock's wait ends at the deadline, and then wants to be told about.
  const nanoseconds left = std::max(deadline - boot_now(), nanoseconds::zero());
  if (future.wait_for(left + milliseconds(500)) != std::future_status::ready)
    return fail(errc::store_unavailable,
                fmt::format("the store {} did not open within {} ms: it hangs, or is very slow",
                            wanted.name, wanted.open_patience.count()));
  return future.get();
}

lanes::~lanes() {
  const boot_time until = boot_now() + end_within;
  for (lane* one : {leases_.get(), views_.get()}) {
    if (one == nullptr) continue;
    one->db->cancel();
    one->thread.stop();
  }
  for (lane* one : {leases_.get(), views_.get()})
    if (one != nullptr) one->thread.join(until);
}

void lanes::submit(const row_key& key, ports::request_id id, ports::lease_request request,
                   nanoseconds patience, const std::shared_ptr<reply_line>& replies) {
  leases_->submit<ports::lease_reply>(key, id, std::move(request), patience, replies);
}

void lanes::submit(const row_key& key, ports::request_id id, ports::view_request request,
                   nanoseconds patience, const std::shared_ptr<reply_line>& replies) {
  HEDGEROW_ASSERT(views_ != nullptr && key.kind == row_kind::group);
  views_->submit<ports::view_reply>(key, id, std::move(request), patience, replies);
}

}  // namespace hedgerow::store
