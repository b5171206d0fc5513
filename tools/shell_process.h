#pragma once
// A shell command as a child: its three pipes, its end, and the end of its process group.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hedgerow/error.h>
#include <sys/types.h>

namespace hedgerow::tools {

// Owns a file descriptor, or none.
class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int fd) : fd_{fd} {}
  ~descriptor() { reset(); }
  descriptor(descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  descriptor& operator=(descriptor&& other) noexcept;

  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

struct shell_setup {
  std::string_view command;                                      // for /bin/sh -c
  std::vector<std::pair<std::string, std::string>> environment;  // beside the inherited one
  // The shell gets SIGKILL when the thread that started it ends, however that comes about.
  bool dies_with_thread = false;
};

// One running command, in a process group of its own, with no descriptor but its three. Killed with
// its group and reaped when this ends, whatever happened. Not thread-safe.
class shell_process {
 public:
  shell_process() = default;
  ~shell_process();
  shell_process(const shell_process&) = delete;
  shell_process& operator=(const shell_process&) = delete;

  // Errors: handler_failed, it could not be started.
  result<void> start(const shell_setup& what);

  // Non-blocking.
  descriptor in, out, err;
  // Readable once the shell has exited; closed where the kernel has none: then ask exited() every
  // few milliseconds.
  descriptor pidfd;

  bool exited() const;
  void signal_group(int number) const;  // not after end()
  // Kills what is left of the group, then reaps the shell. Returns its wait status.
  int end();

 private:
  pid_t pid_ = -1;
};

// Where the kernel has no pidfd, the end of a shell is looked for this often.
inline constexpr int exit_poll_ms = 10;

// Reads what is there, once, and appends it; closes the descriptor at its end.
void take_available(descriptor& from, std::string& into);

// The last of what a command wrote to stderr.
class error_tail {
 public:
  void take(descriptor& from);
  // "exit status 3: last line of stderr", "killed by signal 9"; for a status that is not 0.
  error why(int status) const;

 private:
  std::string last_line() const;

  std::string text_;
};

tl::unexpected<error> not_started(std::string_view what, int number);

}  // namespace hedgerow::tools
