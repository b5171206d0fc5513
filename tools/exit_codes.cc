#include "tools/exit_codes.h"

#include <cstdio>

#include <fmt/format.h>

#include "tools/text.h"

namespace hedgerow::tools {

const char* const exit_codes_text =
    "Exit codes:\n"
    "  0  done\n"
    "  1  failed; one line on stderr says why\n"
    "  2  the command line could not be understood\n"
    "  3  no agent or no leader was known up to the deadline; nothing was sent\n"
    "  4  a leader was known, the deadline passed; certainly not executed\n"
    "  5  the outcome is unknown: it may have been executed, look before you repeat it\n";

const char* const lock_exit_codes_text =
    "Exit codes:\n"
    "  COMMAND's own, 128 + n if signal n killed it; or\n"
    "  1    failed, 2 the command line could not be understood\n"
    "  3    not acquired in time; COMMAND was not started\n"
    "  6    the lock was lost, or was about to be, and COMMAND was stopped\n"
    "  126  COMMAND can't be executed, 127 it was not found\n";

exit_code exit_code_of(const error& why) {
  if (why.code == errc::not_acquired) return exit_not_acquired;
  if (why.code == errc::no_leader || why.code == errc::unreachable) return exit_no_leader;
  if (why.code == errc::not_executed || why.code == errc::overloaded) return exit_not_executed;
  if (why.code == errc::outcome_unknown) return exit_unknown;
  return exit_failed;
}

std::string complaint(const error& why) {
  return fmt::format("hedgerow: {}", printable(why.message()));
}

exit_code complain(const error& why) {
  // One write: the line stays whole among those of other processes on the same terminal.
  const std::string line = complaint(why) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
  return exit_code_of(why);
}

}  // namespace hedgerow::tools
