// A group of one, written against what is installed: enough to need every part of the library.

#include <chrono>
#include <cstdio>

#include <hedgerow/node.h>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  hedgerow::options options;
  options.name = "alone";
  options.store = argv[1];
  const auto node = hedgerow::node::start(options);
  if (!node) {
    std::fprintf(stderr, "%s\n", node.error().message().c_str());
    return 1;
  }
  const auto joined = node.value()->wait_until_member(std::chrono::seconds{20});
  if (!joined) {
    std::fprintf(stderr, "%s\n", joined.error().message().c_str());
    return 1;
  }
  return node.value()->view()->members.size() == 1 ? 0 : 1;
}
