#pragma once
// What a server of a test needs of this machine: a folder and a port.

#include <cstdint>
#include <filesystem>

namespace hedgerow::postgres_test {

// A new folder for the user of the programs, in $TMPDIR or /tmp: its path is short enough for a
// Unix socket in it.
//
// Goes away with this object. If the test's process ends first, however it ends, a guard process
// kills whatever works in the folder, frozen or not, and removes it.
class scratch_folder {
 public:
  scratch_folder();
  ~scratch_folder();
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int alive_ = -1;  // the guard reads the other end
};

// A TCP port of 127.0.0.1 that nobody uses, below the range from which the kernel takes ports of
// outgoing connections, so that it is still free after a restart. Claims of all tests on this
// machine exclude each other; a foreign program can still take the port.
class port_claim {
 public:
  port_claim();
  ~port_claim();
  port_claim(const port_claim&) = delete;
  port_claim& operator=(const port_claim&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  bool claim(std::uint16_t port);

  std::uint16_t port_ = 0;
  int claim_ = -1;  // an abstract Unix socket named after the port: it goes away with the process
};

}  // namespace hedgerow::postgres_test
