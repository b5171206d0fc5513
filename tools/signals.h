#pragma once
// SIGINT, SIGTERM and, if wanted, SIGHUP as events of the main thread.

#include <chrono>

namespace hedgerow::tools {

// Only one at a time. Create it before any other thread: they inherit that the signals are blocked.
class stop_signals {
 public:
  enum class event { signal, reload, woken, timeout };
  enum class hangup { ends, reloads };

  // What SIGHUP does: ends the process as ever, or is an event.
  explicit stop_signals(hangup meaning = hangup::ends);
  ~stop_signals();
  stop_signals(const stop_signals&) = delete;
  stop_signals& operator=(const stop_signals&) = delete;

  // Blocks until a signal has come, wake was called, or the time is over (negative: never).
  event wait(std::chrono::milliseconds timeout = std::chrono::milliseconds{-1});
  void wake();  // from any thread
  // Of the signal that wait() told of last; 0 before.
  int number() const { return number_; }

  // From now on the next signal ends the process at once, with status 128 + its number.
  void exit_on_next();

 private:
  int signal_fd_ = -1;
  int wake_fd_ = -1;
  int number_ = 0;
};

// Standard descriptors that are closed become /dev/null, so that no socket or file takes their
// place; SIGPIPE is ignored, and SIGCHLD is not. Call first of all.
void settle_process();

}  // namespace hedgerow::tools
