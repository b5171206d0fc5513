#include "bench/lib/group.h"

#include <chrono>
#include <fstream>
#include <functional>
#include <future>
#include <utility>

#include <hedgerow/client.h>
#include <hedgerow/security.h>
#include <unistd.h>

#include "bench/lib/bare_echo.h"
#include "bench/lib/die.h"
#include "bench/lib/group_stream.h"

namespace hedgerow::bench {

namespace {

constexpr std::chrono::seconds patience{20};

options node_options(const std::string& name, const place& at) {
  options o;
  o.name = name;
  o.store = at.store;
  o.security.secret_file = at.secret_file;
  o.lease = std::chrono::milliseconds{1000};
  return o;
}

// A window of messages. All is touched on the node's loop alone, but for the start.
class pipeline {
 public:
  pipeline(node& from, int count, series* out)
      : from_(from), to_send_(count), to_finish_(count), out_(out) {}

  clock::duration run(int window) {
    const auto start = clock::now();
    // The first message starts the others, so that no two threads count.
    starting_ = window;
    next();
    done_.get_future().get();
    return clock::now() - start;
  }

 private:
  // Sends one; its completion sends the next, and the first one's the whole window.
  void next() {
    --to_send_;
    const auto start = clock::now();
    from_.send(payload_, std::chrono::seconds{5}, [this, start](result<reply> r) {
      if (!r) die(r.error().message());
      if (out_) out_->add(clock::now() - start);
      if (--to_finish_ == 0) return done_.set_value();
      for (int i = std::exchange(starting_, 1); i > 0 && to_send_ > 0; --i)
        next();
    });
  }

  node& from_;
  int starting_ = 1;
  int to_send_;
  int to_finish_;
  series* out_;
  const std::string payload_ = std::string(small_bytes, 'x');
  std::promise<void> done_;
};

}  // namespace

place place_in(const temporary_folder& folder, const std::string& name, protection how) {
  place out{.store = folder.file(name + ".db")};
  if (how == protection::none) return out;
  out.secret_file = folder.file(name + ".secret");
  std::ofstream(out.secret_file) << new_secret() << "\n";
  return out;
}

void serve_group(const place& at, handler_place where) {
  auto o = node_options("server", at);
  const auto answer = [](const message_view& m) -> result<std::string> {
    return std::string(m.payload);
  };
  o.on_message =
      where == handler_place::loop ? handler::non_blocking(answer) : handler::on_pool(answer);
  o.on_stream = counting_streams();
  auto started = node::start(o);
  if (!started) die(started.error().message());
  while (true)
    pause();
}

std::unique_ptr<node> join_group(const place& at) {
  client_options look;
  look.store = at.store;
  look.security.secret_file = at.secret_file;
  auto looking = client::start(look);
  if (!looking) die(looking.error().message());
  if (auto leader = (*looking)->wait_for_leader(patience); !leader) die(leader.error().message());
  auto joined = node::start(node_options("caller", at));
  if (!joined) die(joined.error().message());
  if (auto ok = (*joined)->wait_until_member(patience); !ok) die(ok.error().message());
  const std::string payload(small_bytes, 'x');
  if (auto first = (*joined)->send(payload, patience); !first) die(first.error().message());
  return std::move(*joined);
}

void send_one_by_one(node& from, int count, series& out) {
  pipeline(from, count, &out).run(1);
}

void send_blocking(node& from, int count, series& out) {
  const std::string payload(small_bytes, 'x');
  for (int i = 0; i < count; ++i) {
    const auto start = clock::now();
    if (auto r = from.send(payload, std::chrono::seconds{5}); !r) die(r.error().message());
    out.add(clock::now() - start);
  }
}

clock::duration send_in_flight(node& from, int count, int window) {
  return pipeline(from, count, nullptr).run(window);
}

}  // namespace hedgerow::bench
