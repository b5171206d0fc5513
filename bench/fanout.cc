// A broadcast of 64 bytes from a client to N members, each a process of its own, until the last of
// them has answered: beside one epoll loop that writes to N bare echo processes and reads from
// them. Members and echoes are alive all the time, and the two alternate. Nothing is pinned: with
// more processes than cores the scheduler decides for both.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <vector>

#include <hedgerow/client.h>
#include <hedgerow/node.h>
#include <unistd.h>

#include "bench/lib/bare_echo.h"
#include "bench/lib/die.h"
#include "bench/lib/process.h"
#include "bench/lib/series.h"

namespace {

using namespace hedgerow::bench;

constexpr int rounds = 7;
constexpr std::chrono::seconds patience{90};

hedgerow::options member_options(const std::string& store, int number) {
  hedgerow::options o;
  o.name = "member-" + std::to_string(number);
  o.store = store;
  o.handler_threads = 1;
  o.on_broadcast = hedgerow::handler::non_blocking(
      [](const hedgerow::message_view& m) -> hedgerow::result<std::string> {
        return std::string(m.payload);
      });
  return o;
}

[[noreturn]] void serve_member(const std::string& store, int number, const notice& joined) {
  const auto node = hedgerow::node::start(member_options(store, number));
  if (!node) die(node.error().message());
  if (auto ok = (*node)->wait_until_member(patience); !ok) die(ok.error().message());
  joined.tell(number);
  while (true)
    pause();
}

// A client that has seen a view of so many members.
class group_client {
 public:
  group_client(const std::string& store, std::size_t members) {
    hedgerow::client_options o;
    o.store = store;
    o.on_view = [this](const hedgerow::view_change& change) {
      const std::scoped_lock lock(mutex_);
      seen_ = change.current->members.size();
      changed_.notify_one();
    };
    auto started = hedgerow::client::start(o);
    if (!started) die(started.error().message());
    client_ = std::move(*started);
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, patience, [&] { return seen_ == members; }))
      die("only " + std::to_string(seen_) + " members joined");
  }

  // One broadcast after the other, each sent from the completion of the one before.
  void run(int count, std::size_t members, series& out) {
    left_ = count;
    members_ = members;
    out_ = &out;
    std::promise<void> done;
    finished_ = [&] { done.set_value(); };
    next();
    done.get_future().get();
  }

 private:
  void next() {
    start_ = clock::now();
    answers_ = 0;
    client_->broadcast(
        payload_, {},
        [this](hedgerow::member_reply r) {
          if (!r.answer) die(r.name + ": " + r.answer.error().message());
          ++answers_;
        },
        [this] {
          out_->add(clock::now() - start_);
          if (answers_ != members_) die("a member did not answer");
          if (--left_ > 0) return next();
          finished_();
        });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t seen_ = 0;
  const std::string payload_ = std::string(small_bytes, 'x');
  int left_ = 0;
  std::size_t members_ = 0;
  std::size_t answers_ = 0;
  series* out_ = nullptr;
  clock::time_point start_;
  std::function<void()> finished_;
  std::unique_ptr<hedgerow::client> client_;
};

void measure(const std::string& store, const std::vector<listener>& echoes, const notice& joined) {
  const std::size_t size = echoes.size();
  for (std::size_t i = 0; i < size; ++i)
    joined.await();
  echo_fan fan(echoes);
  group_client client(store, size);
  const int count = static_cast<int>(std::max<std::size_t>(20, 1000 / size));
  series ignored, bare, own;
  for (int i = 0; i <= rounds; ++i) {
    fan.run(count, i == 0 ? ignored : bare);
    client.run(count, size, i == 0 ? ignored : own);
  }
  bare.print("echoes");
  own.print("broadcast");
}

}  // namespace

// MEMBERS
int main(int argc, char** argv) {
  const int size = argc == 2 ? std::atoi(argv[1]) : 0;
  if (size < 1) die("usage: fanout MEMBERS");
  const temporary_folder folder;
  const std::string store = folder.file("store.db");
  std::vector<listener> echoes;
  const notice joined;
  children all;
  for (int i = 0; i < size; ++i) {
    echoes.push_back(listen_on_loopback());
    all.start(-1, [&] { serve_echo(echoes.back().fd); });
    close(echoes.back().fd);
  }
  for (int i = 0; i < size; ++i)
    all.start(-1, [&] { serve_member(store, i, joined); });
  const pid_t caller = all.start(-1, [&] { measure(store, echoes, joined); });
  return all.wait(caller);
}
