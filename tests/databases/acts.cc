#include "tests/databases/acts.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

namespace hedgerow::databases_test {

void acts::add(const act& one) {
  const std::lock_guard hold(lock_);
  all_.push_back(one);
}

std::size_t acts::count() const {
  const std::lock_guard hold(lock_);
  return all_.size();
}

std::size_t acts::tokens() const {
  const std::lock_guard hold(lock_);
  std::set<fencing_token> different;
  for (const act& one : all_)
    different.insert(one.token);
  return different.size();
}

fencing_token acts::greatest() const {
  const std::lock_guard hold(lock_);
  fencing_token most = 0;
  for (const act& one : all_)
    most = std::max(most, one.token);
  return most;
}

boot_time acts::last_of(fencing_token token) const {
  const std::lock_guard hold(lock_);
  boot_time last{};
  for (const act& one : all_) {
    if (one.token == token) last = std::max(last, one.end);
  }
  return last;
}

boot_time acts::first_of(fencing_token token) const {
  const std::lock_guard hold(lock_);
  boot_time first = boot_time::never();
  for (const act& one : all_) {
    if (one.token == token) first = std::min(first, one.begin);
  }
  return first == boot_time::never() ? boot_time{} : first;
}

boot_time acts::last_before(boot_time at) const {
  const std::lock_guard hold(lock_);
  boot_time last{};
  for (const act& one : all_) {
    if (one.end < at) last = std::max(last, one.end);
  }
  return last;
}

boot_time acts::first_after(boot_time at) const {
  const std::lock_guard hold(lock_);
  boot_time first = boot_time::never();
  for (const act& one : all_) {
    if (one.begin > at) first = std::min(first, one.begin);
  }
  return first == boot_time::never() ? boot_time{} : first;
}

// Calls found(act, greater token that acted before, or its own if it was another's).
template <class Found>
void acts::find_violations(const Found& found) const {
  const std::lock_guard hold(lock_);
  std::vector<act> by_begin = all_;
  std::vector<act> by_end = all_;
  std::sort(by_begin.begin(), by_begin.end(),
            [](const act& a, const act& b) { return a.begin < b.begin; });
  std::sort(by_end.begin(), by_end.end(), [](const act& a, const act& b) { return a.end < b.end; });
  std::map<fencing_token, int> owners;
  fencing_token over = 0;  // the greatest whose act was over before
  auto ended = by_end.begin();
  for (const act& one : by_begin) {
    for (; ended != by_end.end() && ended->end < one.begin; ++ended)
      over = std::max(over, ended->token);
    const auto [owner, fresh] = owners.emplace(one.token, one.who);
    if (over > one.token) found(one, over);
    if (owner->second != one.who) found(one, one.token);
  }
}

std::size_t acts::violations() const {
  std::size_t count = 0;
  find_violations([&](const act&, fencing_token) { ++count; });
  return count;
}

std::string acts::told() const {
  std::string text;
  int left = 5;
  find_violations([&](const act& one, fencing_token other) {
    if (left-- > 0)
      text += fmt::format(
          "{} acted under {} at {} us, {}\n", one.who, one.token, one.begin.ns / 1000,
          other == one.token ? std::string("as another did") : fmt::format("after {} had", other));
  });
  return text;
}

bool fence::accept(fencing_token token) {
  const std::lock_guard hold(lock_);
  if (token < greatest_) return false;
  greatest_ = token;
  return true;
}

}  // namespace hedgerow::databases_test
