#pragma once
// Programs of the database, run with the rights of an ordinary user: initdb and postgres refuse
// root. As root they get the user "postgres", or "nobody" where there is none.
//
// Whatever can't be done ends in std::runtime_error, which fails the test with what the program
// said.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "tests/postgres/wait.h"

namespace hedgerow::postgres_test {

struct program_setup {
  std::vector<std::string> arguments;  // the first is a path, or a name in PATH
  std::filesystem::path folder;        // the working directory; see processes_in
  std::filesystem::path log;           // stdout and stderr are appended
  std::filesystem::path input = "/dev/null";
};

// A child. Killed and reaped when this ends, alone: its own children are found by processes_in.
class program {
 public:
  explicit program(const program_setup& with);
  ~program();
  program(const program&) = delete;
  program& operator=(const program&) = delete;

  pid_t pid() const { return pid_; }
  bool running() { return !wait_exit(milliseconds{0}); }
  // Its status, 128 + the number of the signal that killed it; nothing when the time is over.
  std::optional<int> wait_exit(milliseconds patience);
  void signal(int number) const;

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
};

// Runs it to its end; throws if that is not status 0 within a minute.
void run(const program_setup& with);

// Gives the file or folder itself to the user of the programs. Nothing to do unless root.
void give_away(const std::filesystem::path& path);

// The processes whose working directory is this folder or one in it, parents before children
// mostly. A postmaster and all of its backends work in their data folder, so this finds them also
// when their parent is gone.
std::vector<pid_t> processes_in(const std::filesystem::path& folder);

// Sends SIGSTOP and waits until the process stands still.
void freeze_process(pid_t pid);

// The end of a file, for a message about a failure.
std::string tail(const std::filesystem::path& file, std::size_t most = 8000);

}  // namespace hedgerow::postgres_test
