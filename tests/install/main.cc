// A group of one, written against what is installed: enough to need every part of the library.

#include <chrono>
#include <cstdio>
#include <string>

#include <hedgerow/node.h>

namespace {

int fail(const hedgerow::error& why) {
  std::fprintf(stderr, "%s\n", why.message().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  hedgerow::options options;
  options.name = "alone";
  options.store = argv[1];
  options.lease = std::chrono::milliseconds{500};
  options.on_message = hedgerow::handler::on_pool(
      [](const hedgerow::message_view& m) -> hedgerow::result<std::string> {
        return m.token > 0 ? "got " + std::string(m.payload) : "no token";
      });
  const auto node = hedgerow::node::start(options);
  if (!node) return fail(node.error());
  const auto joined = node.value()->wait_until_member(std::chrono::seconds{20});
  if (!joined) return fail(joined.error());
  // It leads once it answers: a send is handled by nobody else.
  const auto reply = node.value()->send("hello", std::chrono::seconds{20});
  if (!reply) return fail(reply.error());
  if (!node.value()->leadership().leading()) return 3;
  return reply->payload == "got hello" && node.value()->view()->members.size() == 1 ? 0 : 4;
}
