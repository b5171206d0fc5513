#include "store/sqlite_store.h"

#include <future>
#include <mutex>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "base/assert.h"
#include "model/limits.h"
#include "store/database.h"
#include "store/patience.h"
#include "store/rows.h"
#include "store/worker.h"

namespace hedgerow::store {
namespace {

using ports::lease_action;
using ports::lease_reply;
using ports::store_outcome;
using ports::view_action;
using ports::view_reply;

// A loop has at most a few statements under way at once; more means that the store hangs.
constexpr std::size_t queue_max = 64;
constexpr auto end_within = milliseconds(180);

template <class Reply>
Reply not_done(std::string why) {
  Reply reply;
  reply.error = std::move(why);
  return reply;
}

template <class Reply>
Reply not_done(const sql_error& why) {
  Reply reply = not_done<Reply>(why.text);
  if (!why.surely_not_done) reply.outcome = store_outcome::unknown;
  return reply;
}

template <class Reply, class Write, class Read>
Reply write_or_read(const Write& write, const Read& read) {
  Reply reply;
  reply.outcome = store_outcome::done;
  if (write) {
    auto row = write();
    if (!row) return not_done<Reply>(row.error());
    reply.applied = row->has_value();
    reply.row = std::move(*row);
    if (reply.applied) return reply;
  }
  auto row = read();
  if (!row) return not_done<Reply>(row.error());
  reply.row = std::move(*row);
  return reply;
}

// Executes on the file to which the path leads. A write that did not apply to a file that is no
// longer the store is tried again on the one that is.
template <class Reply, class Execute>
Reply on_current_file(database& db, boot_time deadline, const Execute& execute) {
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (auto ready = db.ready(deadline); !ready) return not_done<Reply>(ready.error().message());
    if (boot_now() >= deadline) return not_done<Reply>("opening the store took too long");
    Reply reply = execute(db.handle());
    if (reply.outcome == store_outcome::unknown || reply.applied || !db.replaced()) return reply;
  }
  return not_done<Reply>("the store's file is being replaced all the time");
}

lease_reply execute(database& db, const std::string& group, const ports::lease_request& request,
                    boot_time deadline) {
  const bool writes = request.action != lease_action::read;
  auto reply = on_current_file<lease_reply>(db, deadline, [&](sqlite3* raw) {
    std::function<sql_result<std::optional<ports::lease_row>>()> write;
    if (writes) write = [&] { return write_lease(raw, group, request); };
    return write_or_read<lease_reply>(write, [&] { return read_lease(raw, group); });
  });
  if (reply.outcome != store_outcome::done) return reply;
  reply.epoch = db.epoch();
  reply.applied = reply.applied || !writes;
  return reply;
}

view_reply execute(database& db, const std::string& group, const ports::view_request& request,
                   boot_time deadline) {
  const bool writes = request.action != view_action::read;
  auto reply = on_current_file<view_reply>(db, deadline, [&](sqlite3* raw) {
    std::function<sql_result<std::optional<ports::view_row>>()> write;
    if (writes) write = [&] { return write_view(raw, group, request); };
    return write_or_read<view_reply>(write, [&] { return read_view(raw, group); });
  });
  reply.applied = reply.applied || (reply.outcome == store_outcome::done && !writes);
  return reply;
}

}  // namespace

// Between the workers, which may outlive the store, and the loop, which may outlive it too.
class sqlite_store::reply_line : public std::enable_shared_from_this<reply_line> {
 public:
  reply_line(ports::store_listener* listener, std::function<void(std::function<void()>)> post)
      : listener_(listener), post_(std::move(post)) {}

  void send(ports::request_id id, lease_reply reply) {
    post([id, reply = std::move(reply)](auto& to) { to.on_lease_reply(id, reply); });
  }
  void send(ports::request_id id, view_reply reply) {
    post([id, reply = std::move(reply)](auto& to) { to.on_view_reply(id, reply); });
  }
  // On the loop's thread. Nothing is posted or delivered afterwards.
  void close() {
    const std::lock_guard lock(mutex_);
    post_ = nullptr;
    listener_ = nullptr;
  }

 private:
  template <class Deliver>
  void post(Deliver deliver) {
    const std::lock_guard lock(mutex_);
    if (!post_) return;
    post_([self = shared_from_this(), deliver = std::move(deliver)] {
      if (self->listener_ != nullptr) deliver(*self->listener_);
    });
  }

  ports::store_listener* listener_;  // read and written on the loop's thread only
  std::mutex mutex_;                 // protects post_
  std::function<void(std::function<void()>)> post_;
};

struct sqlite_store::lane {
  std::shared_ptr<database> db;
  worker thread;

  // `closing`: one connection after the other, because only the last one can tidy the log away, and
  // two that close at the same moment both believe that they are not.
  lane(std::string name, const options& wanted, std::shared_ptr<std::mutex> closing)
      : db(std::make_shared<database>(wanted.file, wanted.clock_epoch)),
        thread(std::move(name), queue_max, [db = db, closing = std::move(closing)] {
          const std::lock_guard lock(*closing);
          db->close();
        }) {}

  template <class Request, class Reply>
  void submit(ports::request_id id, Request request, nanoseconds patience, const std::string& group,
              const std::shared_ptr<reply_line>& replies) {
    const boot_time deadline = boot_now() + patience;
    thread.submit(
        {deadline,
         [id, db = db, request = std::move(request), deadline, group, replies] {
           replies->send(id, execute(*db, group, request, deadline));
         },
         [id, replies](std::string why) { replies->send(id, not_done<Reply>(std::move(why))); }});
  }
};

sqlite_store::sqlite_store(options wanted)
    : group_(wanted.group),
      file_(wanted.file.native()),
      replies_(std::make_shared<reply_line>(wanted.listener, std::move(wanted.post))) {
  const auto closing = std::make_shared<std::mutex>();
  leases_ = std::make_unique<lane>("hedgerow-lease", wanted, closing);
  views_ = std::make_unique<lane>("hedgerow-view", wanted, closing);
}

result<std::unique_ptr<sqlite_store>> sqlite_store::open(options wanted) {
  HEDGEROW_ASSERT(wanted.listener != nullptr && wanted.post != nullptr);
  if (wanted.group.empty() || wanted.group.size() > limits::name_bytes_max)
    return fail(errc::invalid_argument,
                fmt::format("a group's name has 1 to {} bytes, this one has {}",
                            limits::name_bytes_max, wanted.group.size()));
  const auto patience = wanted.open_patience;
  std::unique_ptr<sqlite_store> store;
  try {
    store.reset(new sqlite_store(std::move(wanted)));
  } catch (const std::system_error& e) {
    return fail(errc::store_unavailable, fmt::format("no thread for the store: {}", e.what()));
  }
  for (lane* one : {store->leases_.get(), store->views_.get()})
    if (auto connected = store->connect(*one, patience); !connected)
      return tl::unexpected(connected.error());
  return store;
}

// On the worker, so that a hanging file system cannot hang the caller.
result<void> sqlite_store::connect(lane& connection, milliseconds patience) {
  struct answer {
    result<void> opened;
    std::string epoch;
  };
  const auto promise = std::make_shared<std::promise<answer>>();
  auto future = promise->get_future();
  const boot_time deadline = boot_now() + patience;
  connection.thread.submit(
      {deadline,
       [promise, db = connection.db, deadline] {
         auto opened = db->ready(deadline);
         promise->set_value({std::move(opened), db->epoch()});
       },
       [promise](std::string why) {
         promise->set_value({fail(errc::store_unavailable, std::move(why)), {}});
       }});
  // A lock's wait ends at the deadline, and then wants to be told about.
  if (future.wait_for(patience + milliseconds(500)) != std::future_status::ready)
    return fail(errc::store_unavailable,
                fmt::format("the store {} did not open within {} ms: its file system hangs, or is "
                            "very slow",
                            file_, patience.count()));
  answer got = future.get();
  first_epoch_ = std::move(got.epoch);
  return got.opened;
}

sqlite_store::~sqlite_store() {
  replies_->close();
  const boot_time until = boot_now() + end_within;
  for (lane* one : {leases_.get(), views_.get()}) {
    if (one == nullptr) continue;
    one->db->cancel();
    one->thread.stop();
  }
  for (lane* one : {leases_.get(), views_.get()})
    if (one != nullptr) one->thread.join(until);
}

void sqlite_store::submit(ports::request_id id, ports::lease_request request,
                          nanoseconds patience) {
  leases_->submit<ports::lease_request, lease_reply>(id, std::move(request), patience, group_,
                                                     replies_);
}

void sqlite_store::submit(ports::request_id id, ports::view_request request, nanoseconds patience) {
  views_->submit<ports::view_request, view_reply>(id, std::move(request), patience, group_,
                                                  replies_);
}

}  // namespace hedgerow::store
