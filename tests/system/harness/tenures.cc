#include "tests/system/harness/tenures.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace hedgerow::system_test {

std::vector<tenure> tenures(cluster& group) {
  std::vector<tenure> all;
  for (agent* one : group.everybody()) {
    std::optional<tenure> open;
    for (const event& e : one->events()) {
      if (e.body["event"] != "leadership") continue;
      if (open) {
        open->end = e.body["time"];
        all.push_back(*open);
        open.reset();
      }
      if (e.body["leading"]) open = tenure{e.body["token"], one->name(), e.body["time"], {}};
    }
    if (open) all.push_back(*open);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const tenure& a, const tenure& b) { return a.begin < b.begin; });
  return all;
}

std::vector<tenure> expect_one_after_the_other(cluster& group) {
  const auto all = tenures(group);
  for (std::size_t i = 1; i < all.size(); ++i) {
    const tenure& before = all[i - 1];
    const tenure& next = all[i];
    const bool again = next.token == before.token && next.who == before.who;
    EXPECT_TRUE(again || next.token > before.token)
        << next.who << " led under " << next.token << " after " << before.who << " under "
        << before.token;
    EXPECT_LE(before.end.value_or(""), next.begin)
        << before.who << " still led when " << next.who << " began";
  }
  return all;
}

}  // namespace hedgerow::system_test
