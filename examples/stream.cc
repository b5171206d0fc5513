// Numbered lines to the leader, once each and in order, over every change of leader. Start it
// several times with different names, and kill the one that leads: `stream a`, `stream b send`.
#include <cstdio>
#include <deque>
#include <string>
#include <thread>

#include <hedgerow/node.h>

namespace {

using hedgerow::result;
using hedgerow::stream;

// Runs on a thread of its own for each stream, on the node that leads.
result<void> take(stream& s) {
  for (;;) {
    auto message = s.read();
    if (!message) return tl::unexpected(message.error());
    if (!*message) return {};  // the other side has finished
    // Pass the token on to whatever this writes to: a leader that was paused has an old one.
    std::printf("%s under token %llu\n", (*message)->c_str(),
                static_cast<unsigned long long>(s.token()));
    if (auto said = s.write("took " + **message); !said) return said;
  }
}

// Sends what is left, and drops what is consumed for certain. True if nothing is left.
bool send_rest(hedgerow::node& from, std::deque<std::string>& left) {
  hedgerow::stream_options how;
  how.opening = std::chrono::seconds{10};  // for a new leader to be found
  auto s = from.open_stream(how);
  if (!s) return false;
  // In a thread: if both sides only wrote, and nobody read, both would stop.
  std::thread reader([replies = *s]() mutable {
    while (auto reply = replies.read()) {
      if (!*reply) break;
    }
  });
  for (const std::string& line : left) {
    if (!s->write(line)) break;  // wait() says why
  }
  s->finish();
  reader.join();
  const hedgerow::stream_end end = s->wait();
  left.erase(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(end.acknowledged));
  if (end.outcome) return true;
  std::fprintf(stderr, "%s; %zu lines are left\n", end.outcome.error().message().c_str(),
               left.size());
  // After leadership_lost or not_executed the next leader goes on. After outcome_unknown some of
  // the rest may have been consumed: whoever takes it must recognise what it has had.
  return left.empty();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: stream NAME [send]\n"), 2;
  hedgerow::options options;
  options.name = argv[1];
  options.on_stream = hedgerow::stream_handler::on_thread(take);
  auto node = hedgerow::node::start(options);
  if (!node) return std::fprintf(stderr, "%s\n", node.error().message().c_str()), 1;
  if (auto in = (*node)->wait_until_member(std::chrono::seconds{10}); !in)
    return std::fprintf(stderr, "%s\n", in.error().message().c_str()), 1;
  if (argc == 2) {
    std::getchar();
    return 0;
  }
  std::deque<std::string> left;
  for (int i = 1; i <= 100'000; ++i)
    left.push_back("line " + std::to_string(i));
  for (int tries = 0; tries < 10; ++tries) {
    if (send_rest(**node, left)) return 0;
  }
  return 1;
}
