#pragma once
// For programs whose paths are compiled in: files of a test where they look for them. Nothing of
// the machine's is touched, and tests that run side by side don't meet.

#include <functional>
#include <string>

namespace hedgerow::system_test {

// Empty: as it is outside.
struct own_paths {
  std::string run;      // a folder, which is /run
  std::string vmclock;  // a file, which is /dev/vmclock0; /dev has little else then
};

// Runs it on a thread with a mount namespace of its own. Needs root, unless both are empty. False
// if that could not be made; then it was not run.
bool with_paths(const own_paths& paths, const std::function<void()>& what);

}  // namespace hedgerow::system_test
