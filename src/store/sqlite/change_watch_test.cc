#include "store/sqlite/change_watch.h"

#include <condition_variable>
#include <mutex>

#include <gtest/gtest.h>

#include "store/sqlite/test_file.h"
#include "store/test_store.h"

namespace hedgerow::store::sqlite {
namespace {

using namespace std::chrono_literals;

class bell {
 public:
  void ring() {
    const std::lock_guard hold(mutex_);
    ++rung_;
    changed_.notify_all();
  }
  int rung() {
    const std::lock_guard hold(mutex_);
    return rung_;
  }
  bool wait_for_more_than(int count) {
    std::unique_lock hold(mutex_);
    return changed_.wait_for(hold, 10s, [&] { return rung_ > count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int rung_ = 0;
};

struct watched_file {
  watched_file() { other.query("PRAGMA journal_mode=WAL; CREATE TABLE t(x)"); }

  temporary_folder folder;
  std::filesystem::path file = folder.path / "hedgerow.db";
  test_connection other{file};
};

// Who looks when it is told, and only then, sees each commit.
TEST(change_watch, tells_of_commits_after_they_can_be_seen) {
  watched_file in;
  test_connection reader(in.file);
  bell seen;
  std::string last = reader.query("SELECT count(*) FROM t");
  const auto watch = change_watch::open(in.file, [&] {
    const std::string now = reader.query("SELECT count(*) FROM t");
    if (std::exchange(last, now) != now) seen.ring();
  });
  ASSERT_NE(watch, nullptr);
  for (int i = 0; i < 5; ++i) {
    in.other.query("INSERT INTO t VALUES (1)");
    EXPECT_TRUE(seen.wait_for_more_than(i)) << i;
  }
}

TEST(change_watch, tells_little_of_many_commits) {
  watched_file in;
  bell seen;
  const auto watch = change_watch::open(in.file, [&] { seen.ring(); });
  ASSERT_NE(watch, nullptr);
  in.other.query("PRAGMA synchronous=OFF");
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 2000; ++i)
    in.other.query("INSERT INTO t VALUES (1)");
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_TRUE(seen.wait_for_more_than(0));
  EXPECT_LE(seen.rung(), took / 3ms + 3);
}

TEST(change_watch, follows_the_path_to_the_real_file) {
  watched_file in;
  const temporary_folder elsewhere;
  const auto link = elsewhere.path / "link.db";
  std::filesystem::create_symlink(in.file, link);
  bell seen;
  const auto watch = change_watch::open(link, [&] { seen.ring(); });
  ASSERT_NE(watch, nullptr);
  in.other.query("INSERT INTO t VALUES (1)");
  EXPECT_TRUE(seen.wait_for_more_than(0));
}

TEST(change_watch, is_none_where_there_is_no_file) {
  EXPECT_EQ(change_watch::open("/nowhere/hedgerow.db", [] {}), nullptr);
}

TEST(change_watch, is_silent_after_its_end) {
  watched_file in;
  bell seen;
  {
    const auto watch = change_watch::open(in.file, [&] { seen.ring(); });
    in.other.query("INSERT INTO t VALUES (1)");
    ASSERT_TRUE(seen.wait_for_more_than(0));
  }
  const int before = seen.rung();
  in.other.query("INSERT INTO t VALUES (1)");
  EXPECT_EQ(seen.rung(), before);
}

}  // namespace
}  // namespace hedgerow::store::sqlite
