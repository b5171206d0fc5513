#pragma once
// The processes of a benchmark: where they run, what they have used, how they end.

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace hedgerow::bench {

// Where the scheduler puts two processes that wake each other changes a round trip more than
// anything that they do; so a yardstick and what is measured are put on the same cores.
struct placement {
  int servers = -1;  // -1: wherever the scheduler likes
  int caller = -1;

  // SERVERS' CORE, CALLER'S CORE; without them wherever the scheduler likes.
  static placement from(int argc, char** argv);
};

// Child processes, which end with this object, and with this process however it ends. To be forked
// before there are threads. Single-threaded.
class children {
 public:
  children() = default;
  ~children();
  children(const children&) = delete;
  children& operator=(const children&) = delete;

  // Runs `work` in a child on the core; the child exits with 0 after it.
  pid_t start(int core, const std::function<void()>& work);
  // Blocks until the child has exited, or any has failed, for which it may wait in vain: the exit
  // status, 1 if it died otherwise.
  int wait(pid_t child);
  // Asks all that run to end, and blocks until they have: under valgrind they then write what they
  // counted, which they don't when they are killed.
  void terminate();

 private:
  void end(int by);

  std::vector<pid_t> running_;
};

// User and system time that the process has used since its start, of all threads.
std::chrono::nanoseconds cpu_of(pid_t process);

// A number that one process tells another, such as the port that it was given.
class notice {
 public:
  notice();
  void tell(int number) const;
  int await() const;

 private:
  int ends_[2];
};

// A folder below /tmp that is removed with its contents by the process that made it.
class temporary_folder {
 public:
  temporary_folder();
  ~temporary_folder();
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  pid_t owner_;
};

}  // namespace hedgerow::bench
