// What an error says of its call decides whether a user repeats it: each code is pinned.

#include <set>

#include <gtest/gtest.h>
#include <hedgerow/error.h>

#include "base/assert.h"
#include "base/mutant.h"

namespace hedgerow {
namespace {

constexpr errc all[] = {errc::invalid_argument,  errc::too_large,       errc::name_in_use,
                        errc::lease_too_long,    errc::address_in_use,  errc::no_leader,
                        errc::not_executed,      errc::overloaded,      errc::stopped,
                        errc::not_acquired,      errc::outcome_unknown, errc::handler_failed,
                        errc::store_unavailable, errc::clock_untrusted, errc::unreachable,
                        errc::not_supported,     errc::internal,        errc::store_refused};

TEST(error, only_two_codes_may_mean_that_it_was_executed) {
  for (const auto code : all) {
    const auto outcome = error(code, "x").outcome();
    if (code == errc::outcome_unknown) {
      EXPECT_EQ(outcome, call_outcome::unknown);
    } else if (code == errc::handler_failed) {
      EXPECT_EQ(outcome, call_outcome::replied);
    } else {
      EXPECT_EQ(outcome, call_outcome::not_executed) << make_error_code(code).message();
    }
  }
}

TEST(error, every_code_has_words_of_its_own) {
  std::set<std::string> words;
  for (const auto code : all)
    words.insert(make_error_code(code).message());
  EXPECT_EQ(words.size(), std::size(all));
  EXPECT_FALSE(words.contains("unknown error"));
  EXPECT_STREQ(error_category().name(), "hedgerow");
}

TEST(error, the_context_speaks_and_the_code_where_there_is_none) {
  EXPECT_EQ(error(errc::too_large, "9 bytes").message(), "9 bytes");
  EXPECT_EQ(error(errc::too_large, "").message(), "message too large");
}

TEST(error, fail_makes_a_result) {
  const result<int> r = fail(errc::stopped, "why");
  ASSERT_FALSE(r.has_value());
  EXPECT_EQ(r.error().code, errc::stopped);
}

TEST(mutant, every_planted_fault_has_a_name_of_its_own) {
  std::set<std::string_view> names;
  for (int i = 0; i < static_cast<int>(base::mutant::count); ++i)
    names.insert(base::to_string(static_cast<base::mutant>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(base::mutant::count));
  EXPECT_FALSE(names.contains(""));
}

TEST(assertion, a_broken_invariant_ends_the_process_and_says_where) {
  EXPECT_DEATH(HEDGEROW_ASSERT(1 + 1 == 3), "1 \\+ 1 == 3");
  HEDGEROW_ASSERT(1 + 1 == 2);
}

}  // namespace
}  // namespace hedgerow
