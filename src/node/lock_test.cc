// Locks over a real file, with real threads and time.

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <hedgerow/lock.h>
#include <unistd.h>

namespace hedgerow {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds test_lease = 600ms;
constexpr milliseconds patience = 20s;

// One file for all tests, with locks that were used before: the first use waits for a lease.
class lock_test : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ =
        std::filesystem::temp_directory_path() / ("hedgerow_lock_test." + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
    const auto space = open_space();
    const auto slow = open(space, slow_options());
    std::promise<void> slow_used;
    slow->acquire(patience, [&](const result<fencing_token>&) { slow_used.set_value(); });
    const auto begun = steady_clock::now();
    ASSERT_TRUE(open(space)->acquire(patience));
    first_took_ = steady_clock::now() - begun;
    slow_used.get_future().get();
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

  static std::shared_ptr<lock_space> open_space() {
    lock_space_options with;
    with.store = folder_ / "hedgerow.db";
    auto space = lock_space::open(std::move(with));
    EXPECT_TRUE(space) << space.error().message();
    return *space;
  }
  static lock_options options_of(const std::string& name = "job") {
    lock_options with;
    with.name = name;
    with.lease = test_lease;
    return with;
  }
  static lock_options slow_options() {
    lock_options with = options_of("slow");
    with.lease = 4s;
    return with;
  }
  static std::unique_ptr<lock> open(std::shared_ptr<lock_space> in) {
    return open(std::move(in), options_of());
  }
  static std::unique_ptr<lock> open(std::shared_ptr<lock_space> in, lock_options with) {
    auto made = lock::open(std::move(in), std::move(with));
    EXPECT_TRUE(made) << made.error().message();
    return std::move(*made);
  }

  static inline std::filesystem::path folder_;
  static inline steady_clock::duration first_took_{};
};

TEST_F(lock_test, the_first_use_of_all_waits_for_one_lease) {
  EXPECT_GT(first_took_, test_lease);
}

TEST_F(lock_test, is_held_until_it_is_released) {
  const auto space = open_space();
  const auto a = open(space);
  EXPECT_FALSE(a->held());
  EXPECT_EQ(a->token(), 0);
  const auto token = a->acquire(patience);
  ASSERT_TRUE(token) << token.error().message();
  EXPECT_TRUE(a->held());
  EXPECT_EQ(a->token(), *token);
  EXPECT_GT(a->remaining(), 0us);
  EXPECT_LE(a->remaining(), test_lease);
  EXPECT_EQ(a->acquire(1s).error().code, errc::invalid_argument);
  EXPECT_TRUE(a->held());
  a->release();
  EXPECT_FALSE(a->held());
  EXPECT_EQ(a->token(), 0);
  EXPECT_EQ(a->remaining(), 0us);
  a->release();
}

TEST_F(lock_test, two_of_one_name_compete_in_one_process_too) {
  for (const bool one_space : {true, false}) {
    const auto space = open_space();
    const auto a = open(space);
    const auto b = open(one_space ? space : open_space());
    const auto first = a->acquire(patience);
    ASSERT_TRUE(first);
    const auto refused = b->try_acquire();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::not_acquired);
    EXPECT_NE(refused.error().message().find(std::to_string(getpid())), std::string::npos)
        << refused.error().message();
    a->release();
    const auto second = b->try_acquire();
    ASSERT_TRUE(second) << second.error().message();
    EXPECT_GT(*second, *first);
  }
}

TEST_F(lock_test, who_waits_is_woken_by_the_release) {
  for (const bool one_space : {true, false}) {
    const auto space = open_space();
    const auto a = open(space, slow_options());
    const auto b = open(one_space ? space : open_space(), slow_options());
    ASSERT_TRUE(a->acquire(patience));
    std::promise<result<fencing_token>> answer;
    b->acquire(patience, [&](result<fencing_token> r) { answer.set_value(std::move(r)); });
    auto waiting = answer.get_future();
    // Its first look has come and gone; the next poll is a second later.
    ASSERT_EQ(waiting.wait_for(100ms), std::future_status::timeout);
    const auto released = steady_clock::now();
    a->release();
    ASSERT_EQ(waiting.wait_for(patience), std::future_status::ready);
    ASSERT_TRUE(waiting.get());
    EXPECT_LT(steady_clock::now() - released, 500ms) << (one_space ? "one space" : "two spaces");
  }
}

TEST_F(lock_test, an_acquire_ends_with_its_deadline) {
  const auto space = open_space();
  const auto a = open(space);
  const auto b = open(space);
  ASSERT_TRUE(a->acquire(patience));
  const auto begun = steady_clock::now();
  const auto tried = b->acquire(200ms);
  ASSERT_FALSE(tried);
  EXPECT_EQ(tried.error().code, errc::not_acquired);
  EXPECT_GE(steady_clock::now() - begun, 200ms);
  EXPECT_TRUE(a->held());
}

TEST_F(lock_test, outlives_its_lease_by_renewals) {
  const auto space = open_space();
  std::atomic<int> extended{0};
  auto with = options_of();
  with.on_extended = [&](fencing_token) { ++extended; };
  const auto a = open(space, with);
  ASSERT_TRUE(a->acquire(patience));
  const auto begun = steady_clock::now();
  bool always = true;
  while (extended < 8 && steady_clock::now() - begun < patience) {
    always = always && a->held();
    std::this_thread::yield();
  }
  EXPECT_GE(extended, 8);
  EXPECT_TRUE(always);
}

TEST_F(lock_test, is_lost_and_told_of_when_another_has_the_row) {
  const auto space = open_space();
  std::promise<fencing_token> lost;
  auto with = options_of("file that goes");
  with.on_lost = [&](fencing_token token, const std::string&) { lost.set_value(token); };
  const auto a = open(space, with);
  const auto token = a->acquire(patience);
  ASSERT_TRUE(token);
  // The store is another one: there is no such row.
  std::filesystem::rename(folder_ / "hedgerow.db", folder_ / "away.db");
  auto told = lost.get_future();
  const auto outcome = told.wait_for(patience);
  std::filesystem::rename(folder_ / "away.db", folder_ / "hedgerow.db");
  ASSERT_EQ(outcome, std::future_status::ready);
  EXPECT_EQ(told.get(), *token);
  EXPECT_FALSE(a->held());
}

TEST_F(lock_test, many_threads_are_never_two_inside) {
  const auto one = open_space();
  const auto two = open_space();
  std::atomic<int> inside{0};
  std::atomic<int> turns{0};
  std::mutex order;
  std::vector<fencing_token> tokens;
  std::vector<std::thread> all;
  for (int i = 0; i < 6; ++i) {
    all.emplace_back([&, mine = open(i % 2 == 0 ? one : two)] {
      for (int turn = 0; turn < 5; ++turn) {
        const auto token = mine->acquire(patience);
        ASSERT_TRUE(token) << token.error().message();
        EXPECT_EQ(++inside, 1);
        {
          const std::lock_guard hold(order);
          tokens.push_back(*token);
        }
        ++turns;
        --inside;
        mine->release();
      }
    });
  }
  for (auto& t : all)
    t.join();
  EXPECT_EQ(turns, 30);
  EXPECT_TRUE(std::is_sorted(tokens.begin(), tokens.end()));
  EXPECT_EQ(std::unique(tokens.begin(), tokens.end()), tokens.end());
}

TEST_F(lock_test, the_end_of_a_lock_releases_it_and_ends_its_waits) {
  const auto space = open_space();
  auto a = open(space);
  auto b = open(space);
  ASSERT_TRUE(a->acquire(patience));
  std::promise<result<fencing_token>> answer;
  b->acquire(patience, [&](result<fencing_token> r) { answer.set_value(std::move(r)); });
  b.reset();
  auto waited = answer.get_future();
  ASSERT_EQ(waited.wait_for(0s), std::future_status::ready) << "told before the end";
  EXPECT_EQ(waited.get().error().code, errc::stopped);
  a.reset();
  EXPECT_TRUE(open(space)->try_acquire());
}

TEST_F(lock_test, a_release_in_a_callback_ends_the_acquire_that_was_asked_before_it) {
  const auto space = open_space();
  const auto a = open(space);
  const auto caller = open(space, options_of("caller"));
  std::promise<result<fencing_token>> answer;
  caller->acquire(patience, [&](const result<fencing_token>&) {
    a->acquire(patience, [&](result<fencing_token> r) { answer.set_value(std::move(r)); });
    a->release();
  });
  auto ended = answer.get_future();
  ASSERT_EQ(ended.wait_for(patience), std::future_status::ready);
  const auto outcome = ended.get();
  ASSERT_FALSE(outcome) << "held for ever";
  EXPECT_EQ(outcome.error().code, errc::stopped);
  EXPECT_FALSE(a->held());
}

TEST_F(lock_test, may_be_asked_by_a_callback_while_it_ends) {
  const auto space = open_space();
  auto a = open(space);
  const auto* const raw = a.get();
  std::promise<void> inside;
  bool held = true;
  a->acquire(patience, [&](const result<fencing_token>&) {
    inside.set_value();
    const auto end = steady_clock::now() + 50ms;
    while (steady_clock::now() < end)
      held = held && raw->held();
  });
  inside.get_future().get();
  a.reset();
  EXPECT_TRUE(held) << "released before its callback had returned";
}

TEST_F(lock_test, may_end_on_the_loops_thread_and_the_space_with_it) {
  std::promise<void> done;
  auto space = open_space();
  auto a = open(std::move(space));
  auto* raw = a.get();
  raw->acquire(patience, [&, mine = std::make_shared<std::unique_ptr<lock>>(std::move(a))](
                             const result<fencing_token>& r) {
    EXPECT_TRUE(r);
    EXPECT_EQ((*mine)->acquire(1s).error().code, errc::invalid_argument) << "would block";
    mine->reset();
    done.set_value();
  });
  ASSERT_EQ(done.get_future().wait_for(patience), std::future_status::ready);
  EXPECT_TRUE(open(open_space())->acquire(patience));
}

TEST_F(lock_test, names_are_any_bytes_but_zero) {
  const auto space = open_space();
  for (const std::string& name : {std::string("it's \"a\" name;--"), std::string("schlüssel ☃"),
                                  std::string("\xff\xfe\n"), std::string(255, 'x')}) {
    auto with = options_of(name);
    with.lease = 100ms;
    auto made = lock::open(space, with);
    ASSERT_TRUE(made);
    const auto token = (*made)->acquire(patience);
    EXPECT_TRUE(token) << token.error().message();
  }
  for (const std::string& name : {std::string(), std::string(256, 'x'), std::string("a\0b", 3)}) {
    const auto made = lock::open(space, options_of(name));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, errc::invalid_argument);
  }
}

TEST_F(lock_test, what_is_wrong_with_options_is_said) {
  lock_space_options with;
  with.store = folder_ / "hedgerow.db";
  with.clock = "sundial";
  const auto space = lock_space::open(with);
  ASSERT_FALSE(space);
  EXPECT_NE(space.error().message().find("sundial"), std::string::npos);
  auto short_lease = options_of();
  short_lease.lease = 50ms;
  EXPECT_FALSE(lock::open(open_space(), short_lease));
  EXPECT_FALSE(lock::open(nullptr, options_of()));
}

TEST_F(lock_test, a_longer_lease_than_the_first_users_is_refused) {
  auto with = options_of();
  with.lease = 2 * test_lease;
  const auto tried = open(open_space(), with)->acquire(patience);
  ASSERT_FALSE(tried);
  EXPECT_EQ(tried.error().code, errc::lease_too_long);
}

}  // namespace
}  // namespace hedgerow
