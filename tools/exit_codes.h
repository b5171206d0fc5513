#pragma once
// What the command's exit codes mean, for scripts.

#include <hedgerow/error.h>

namespace hedgerow::tools {

enum exit_code : int {
  exit_done = 0,
  exit_failed = 1,        // anything without a number of its own; one line on stderr says what
  exit_usage = 2,         // the command line (or a HEDGEROW_... variable) can't be understood
  exit_no_leader = 3,     // no agent, or no leader, was known up to the deadline; nothing was sent
  exit_not_executed = 4,  // a leader (or member) was known; certainly not executed
  exit_unknown = 5,       // may have been executed: look before repeating

  // `hedgerow lock`, whose other codes are its command's
  exit_not_acquired = 3,      // in the time that was given
  exit_lease_lost = 6,        // and the command was stopped
  exit_not_executable = 126,  // as in sh, as the next
  exit_not_found = 127,
};

exit_code exit_code_of(const error& why);

// Shown at the end of each --help; the second for `hedgerow lock`.
extern const char* const exit_codes_text;
extern const char* const lock_exit_codes_text;

// One line on stderr, "hedgerow: WHY"; returns the exit code that belongs to it.
exit_code complain(const error& why);
// That line, without its newline.
std::string complaint(const error& why);

}  // namespace hedgerow::tools
