#pragma once
// Nodes and clients of tests that need no more than one group on this machine.

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <hedgerow/client.h>
#include <hedgerow/node.h>

namespace hedgerow {

inline options options_at(const std::string& store) {
  options with;
  with.name = "ann";
  with.store = store;
  with.lease = std::chrono::milliseconds{300};
  return with;
}

// Null if it could not be started, which is told.
inline std::unique_ptr<node> started(options with) {
  auto one = node::start(std::move(with));
  EXPECT_TRUE(one) << one.error().message();
  return one ? std::move(*one) : nullptr;
}

inline std::unique_ptr<client> client_at(const std::string& store) {
  client_options look;
  look.store = store;
  auto one = client::start(look);
  EXPECT_TRUE(one) << one.error().message();
  return one ? std::move(*one) : nullptr;
}

}  // namespace hedgerow
