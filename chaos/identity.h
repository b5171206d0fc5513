#pragma once
// Who this process is in the group at present.

#include <mutex>
#include <string>

#include <hedgerow/member.h>

namespace hedgerow::chaos {

// "name#" and the first eight digits of the incarnation, as the history names members.
inline std::string short_name(const std::string& name, const incarnation& life) {
  return name + "#" + to_string(life).substr(0, 8);
}

// Changes with each eviction. Thread-safe.
class identity {
 public:
  void set(std::string value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
  }
  std::string get() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  mutable std::mutex mutex_;
  std::string value_;
};

}  // namespace hedgerow::chaos
