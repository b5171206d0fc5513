#include "tests/system/harness/traces.h"

#include <fstream>
#include <iterator>

namespace hedgerow::system_test {

std::string text_in(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::string await_line(const std::string& path, milliseconds patience) {
  wait_for([&] { return text_in(path).ends_with('\n'); }, patience);
  const std::string text = text_in(path);
  return text.substr(0, text.find('\n'));
}

bool is_gone(const std::string& pid) {
  const std::string stat = text_in("/proc/" + pid + "/stat");
  const auto state = stat.rfind(") ");
  return stat.empty() || (state != stat.npos && stat[state + 2] == 'Z');
}

}  // namespace hedgerow::system_test
