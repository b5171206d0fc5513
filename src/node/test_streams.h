#pragma once
// What the tests of streams between nodes and clients share.

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <hedgerow/stream.h>
#include <unistd.h>

namespace hedgerow {

// A path where no store is yet.
inline std::string fresh_store(const std::string& name) {
  const auto file =
      std::filesystem::path(testing::TempDir()) / (name + "_" + std::to_string(getpid()) + ".db");
  std::filesystem::remove(file);
  return file;
}

// For 20 s at most.
inline bool wait_for(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
  while (!holds() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  return holds();
}

// A handler that says back what it hears until the other side has finished.
inline result<void> echo(stream& s) {
  for (;;) {
    auto message = s.read();
    if (!message) return tl::unexpected(std::move(message).error());
    if (!*message) return {};
    if (auto ok = s.write(**message); !ok) return ok;
  }
}

}  // namespace hedgerow
