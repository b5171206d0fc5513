#include "net/machine.h"

#include <fstream>

#include <fmt/format.h>
#include <sys/stat.h>

namespace hedgerow::net {

std::string machine_of(std::string_view boot_id, std::uint64_t network_namespace) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : fmt::format("{}/{}", boot_id, network_namespace)) {
    hash ^= static_cast<std::uint8_t>(c);
    hash *= 0x100000001b3;
  }
  return fmt::format("{:016x}", hash);
}

std::string this_machine() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot_id;
  struct stat space {};
  if (!(file >> boot_id) || ::stat("/proc/self/ns/net", &space) != 0) return {};
  return machine_of(boot_id, space.st_ino);
}

}  // namespace hedgerow::net
