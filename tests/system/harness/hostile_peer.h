#pragma once
// Connections to an agent that keep to the protocol as far as a test wants.

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/types.h>

#include "model/message.h"
#include "tests/system/harness/wait.h"

namespace hedgerow::system_test {

// Never blocks for long, and is not surprised by an end.
class hostile_peer {
 public:
  explicit hostile_peer(const std::string& address);
  ~hostile_peer();
  hostile_peer(hostile_peer&& other) noexcept;
  hostile_peer& operator=(hostile_peer&&) = delete;

  bool connected() const { return handle_ >= 0; }
  // What the socket takes; false once the connection is at an end.
  bool say(std::string_view bytes);
  // All of it, unless the agent ends the connection or does not read for a second.
  bool say_all(std::string_view bytes);
  // Reads and forgets. False once the connection is at an end.
  bool listen();
  bool ended() { return !listen(); }
  void reset();  // a RST

 private:
  int handle_ = -1;
};

std::string frame_of(const message::any& what);
std::string hello_of_client(const std::string& group = "default");
std::string hello_of_member(const member& who, const incarnation& expected = {});
message::request request_of(std::size_t payload_bytes, std::uint64_t id = 1);
// 6 MiB that would be half a gigabyte in memory: a view of three million members.
std::string bomb();

// Repeats an attack in a thread of its own until it is over, with pauses between.
class attack {
 public:
  explicit attack(std::function<void()> once, milliseconds pause = milliseconds{0});
  ~attack() { end(); }
  attack(const attack&) = delete;
  attack& operator=(const attack&) = delete;

  void end();
  long rounds() const { return rounds_; }

 private:
  std::atomic<bool> over_{false};
  std::atomic<long> rounds_{0};
  std::thread thread_;
};

std::size_t resident_bytes(pid_t process);
std::size_t open_descriptors(pid_t process);
std::size_t lowest_free_descriptor(pid_t process);
void limit_descriptors(pid_t process, std::size_t count);  // the soft limit only

}  // namespace hedgerow::system_test
