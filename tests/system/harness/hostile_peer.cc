#include "tests/system/harness/hostile_peer.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/codec.h"
#include "wire/handshake.h"

namespace hedgerow::system_test {
namespace {

std::string proc(pid_t process, const char* file) {
  return "/proc/" + std::to_string(process) + "/" + file;
}

std::string hello(const std::string& group, const ports::peer& sender, const incarnation& to) {
  std::string out;
  if (!wire::encode(wire::hello{wire::protocol_version, group, sender, to}, out)) std::abort();
  return out;
}

std::string with_length(char tag, const std::string& body) {
  std::string length;
  for (std::size_t rest = body.size(); rest > 0; rest >>= 7)
    length += static_cast<char>((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
  return tag + length + body;
}

}  // namespace

hostile_peer::hostile_peer(const std::string& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port =
      htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  handle_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (handle_ < 0) return;
  const timeval patience{2, 0};  // a full backlog drops the SYN
  setsockopt(handle_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(handle_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return;
  ::close(handle_);
  handle_ = -1;
}

hostile_peer::~hostile_peer() {
  if (handle_ >= 0) ::close(handle_);
}

hostile_peer::hostile_peer(hostile_peer&& other) noexcept
    : handle_{std::exchange(other.handle_, -1)} {}

bool hostile_peer::say(std::string_view bytes) {
  const ssize_t put = ::send(handle_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  return put >= 0 || errno == EAGAIN;
}

bool hostile_peer::say_all(std::string_view bytes) {
  while (!bytes.empty()) {
    pollfd ready{handle_, POLLOUT, 0};
    if (poll(&ready, 1, 1000) <= 0) return false;
    const ssize_t put = ::send(handle_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN) return false;
    if (put > 0) bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

bool hostile_peer::listen() {
  static thread_local std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = ::recv(handle_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got <= 0) return got < 0 && errno == EAGAIN;
  }
}

void hostile_peer::reset() {
  const linger at_once{1, 0};
  setsockopt(handle_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(std::exchange(handle_, -1));
}

std::string frame_of(const message::any& what) {
  std::string out;
  if (!wire::encode(what, limits::payload_bytes_max, out)) std::abort();
  return out;
}

std::string hello_of_client(const std::string& group) {
  return hello(group, {ports::peer_role::client, {}, {}, {}}, {});
}

std::string hello_of_member(const member& who, const incarnation& expected) {
  return hello("default", {ports::peer_role::member, who.name, who.address, who.incarnation},
               expected);
}

message::request request_of(std::size_t payload_bytes, std::uint64_t id) {
  message::request out;
  out.id = id;
  out.remaining = std::chrono::seconds{10};
  out.payload = make_bytes(std::string(payload_bytes, 'x'));
  return out;
}

std::string bomb() {
  std::string members;
  for (int i = 0; i < 3'000'000; ++i)
    members.append("\x12\0", 2);
  const std::string body = with_length('\x0a', members);
  const auto header =
      wire::encode_header({static_cast<std::uint32_t>(body.size()), wire::frame_type::view_push});
  return std::string(header.data(), header.size()) + body;
}

attack::attack(std::function<void()> once, milliseconds pause)
    : thread_{[this, once = std::move(once), pause] {
        while (!over_) {
          once();
          ++rounds_;
          if (pause > milliseconds{0}) wait_for([this] { return over_.load(); }, pause);
        }
      }} {}

void attack::end() {
  over_ = true;
  if (thread_.joinable()) thread_.join();
}

std::size_t resident_bytes(pid_t process) {
  std::size_t whole = 0;
  std::size_t resident = 0;
  std::ifstream{proc(process, "statm")} >> whole >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

std::size_t open_descriptors(pid_t process) {
  const std::filesystem::directory_iterator all{proc(process, "fd")};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t lowest_free_descriptor(pid_t process) {
  std::size_t free = 0;
  while (std::filesystem::exists(
      std::filesystem::symlink_status(proc(process, "fd") + "/" + std::to_string(free))))
    ++free;
  return free;
}

void limit_descriptors(pid_t process, std::size_t count) {
  rlimit limit{};
  if (prlimit(process, RLIMIT_NOFILE, nullptr, &limit) != 0) std::abort();
  limit.rlim_cur = count;
  if (prlimit(process, RLIMIT_NOFILE, &limit, nullptr) != 0) std::abort();
}

}  // namespace hedgerow::system_test
