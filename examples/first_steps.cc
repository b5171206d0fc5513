// A member of a group that answers messages while it leads. Start it twice, with two names.
#include <cstdio>

#include <hedgerow/node.h>

int main(int argc, char** argv) {
  hedgerow::options options;
  options.name = argc > 1 ? argv[1] : "a";
  options.on_message = hedgerow::handler::on_pool([&](const hedgerow::message_view& m) {
    return options.name + " leads with token " + std::to_string(m.token);
  });
  auto node = hedgerow::node::start(options);
  if (!node) return std::fprintf(stderr, "%s\n", node.error().message().c_str()), 1;

  // The first start in an empty store waits one lease before anybody leads.
  auto reply = (*node)->send("who leads?", std::chrono::seconds{10});
  std::printf("%s\n", reply ? reply->payload.c_str() : reply.error().message().c_str());
  return reply ? 0 : 1;
}
