#pragma once
// A child process whose output is collected as it comes.

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <sys/types.h>

#include "tests/system/harness/wait.h"

namespace hedgerow::system_test {

struct process_setup {
  std::vector<std::string> arguments;              // the first is the program's path
  std::map<std::string, std::string> environment;  // beside ours, less all HEDGEROW_...
  std::optional<std::string> input;                // stdin; nothing is /dev/null
  bool stdin_closed = false;
  std::string network_namespace;  // by its name under /run/netns; empty is ours
  std::string run_folder;         // what it sees as /run; empty is ours. Needs root
};

struct line {
  steady_clock::time_point at;  // of arrival
  std::string text;
};

// Killed and reaped when this ends, with all of its process group.
class process {
 public:
  explicit process(process_setup with);
  ~process();
  process(const process&) = delete;
  process& operator=(const process&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  // Its status, 128 + the number of the signal that killed it; nothing when the time is over.
  std::optional<int> wait_exit(milliseconds patience);
  bool running();
  // Once it has ended: waits until its output is read to the end.
  void finish_reading();

  std::string out() const;
  std::string err() const;
  std::vector<line> lines(std::size_t from) const;  // whole lines of stdout

 private:
  void read_all(int out, int err);
  void feed(int fd, std::string input) const;

  pid_t pid_ = -1;
  std::optional<int> status_;
  std::thread reader_;
  std::thread feeder_;
  mutable std::mutex lock_;
  std::string out_, err_;  // guarded by lock_, and all below
  std::size_t lines_end_ = 0;
  std::vector<line> lines_;
};

}  // namespace hedgerow::system_test
