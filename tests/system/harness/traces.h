#pragma once
// What commands leave behind: files and processes.

#include <string>

#include "tests/system/harness/wait.h"

namespace hedgerow::system_test {

// All of a file; empty if there is none.
std::string text_in(const std::string& path);
// The first line of a file, once it ends with a newline; or what there is when the time is over.
std::string await_line(const std::string& path, milliseconds patience);
// Whether a process is no more. Also true for one that is dead and not yet reaped by init.
bool is_gone(const std::string& pid);

}  // namespace hedgerow::system_test
