#pragma once
// The process that holds COMMAND of `hedgerow lock`, apart from the one that holds the lock, so
// that COMMAND ends in time even if that one is killed, stopped, or hangs.
//
// Three processes: the holder (who calls this), the supervisor, and COMMAND, the supervisor's child
// in a process group of its own. The holder says until when COMMAND may run, as an instant of
// CLOCK_BOOTTIME, and says it again after each renewal. The supervisor asks COMMAND to stop a
// quarter of the lease before that instant, and kills its group a sixteenth (at least 20 ms)
// before.
//
// Why that is safe: the instant is one at which the lease surely still holds: boot time was read
// before the clock of the lease was, and what was then left is added. Boot time counts suspend, is
// never stepped, and is off by some 500 ppm at most, a thirtieth of the sixteenth that is kept.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <hedgerow/error.h>
#include <hedgerow/member.h>
#include <sys/types.h>

namespace hedgerow::tools {

// CLOCK_BOOTTIME in nanoseconds.
std::int64_t boot_now_ns();

// What the supervisor says.
struct supervisor_report {
  enum class kind : std::int32_t {
    started,      // `number` is COMMAND's process, and its group
    exited,       // with status `number`; nobody of the group is left, as below
    killed,       // by signal `number`
    not_started,  // `number` is errno
    too_late,     // to be started: it would have been asked to stop at once
    dead,         // the supervisor itself is gone, without a word; the group may be left
  };
  kind what = kind::dead;
  std::int32_t number = 0;
  std::int32_t stopped = 0;  // it had been asked to stop by the supervisor
};

class lock_supervisor {
 public:
  struct task {
    std::vector<std::string> command;  // the first is the program, looked up in PATH
    std::string lock;                  // HEDGEROW_LOCK
    std::int64_t lease_ns = 0;
    bool foreground = false;  // COMMAND gets the terminal
  };

  // Forks. Call before there are threads, and with the signals' dispositions and mask that COMMAND
  // is to have (but SIGPIPE, which it has by default). Errors: internal, out of processes or files.
  static result<std::unique_ptr<lock_supervisor>> start(const task& what);
  // If COMMAND was never started, it will not be; otherwise as if this process had died. Waits for
  // the supervisor's end.
  ~lock_supervisor();
  lock_supervisor(const lock_supervisor&) = delete;
  lock_supervisor& operator=(const lock_supervisor&) = delete;

  // These are thread-safe and never block. What a supervisor that is stopped can't take is dropped.
  void run(fencing_token token, std::int64_t until_ns);
  void extend(std::int64_t until_ns);
  // The lock is not to be used any more: COMMAND is asked to stop now, and killed within an eighth
  // of the lease.
  void stop();
  // To COMMAND's group; before COMMAND is started, as soon as it is.
  void forward(int signal);

  int reports_fd() const { return reports_; }  // readable when there is one
  std::optional<supervisor_report> take_report();
  // Once it is dead, or does not do its work in time: kills COMMAND's group and waits until nobody
  // of it is left.
  void kill_group();

 private:
  lock_supervisor(pid_t pid, int orders, int reports)
      : pid_(pid), orders_(orders), reports_(reports) {}

  pid_t pid_;
  int orders_;
  int reports_;
  pid_t group_ = 0;
};

}  // namespace hedgerow::tools
