#include "store/test_store.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/patience.h"

namespace hedgerow::store {
namespace {

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::abort();
}

// A store that is gone may still be closing its file.
bool store_threads_ended() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::ifstream(task.path() / "comm") >> name;
    if (name.starts_with("hedgerow-")) return false;
  }
  return true;
}

}  // namespace

temporary_folder::temporary_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "hedgerow-store-XXXXXX").native();
  if (mkdtemp(name.data()) == nullptr) give_up("no temporary folder");
  path = name;
}

temporary_folder::~temporary_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

std::function<void(std::function<void()>)> test_loop::post() {
  return [to = posted_](std::function<void()> call) {
    const std::lock_guard lock(to->mutex);
    to->calls.push_back(std::move(call));
  };
}

bool test_loop::run_until(const std::function<bool()>& done) {
  const boot_time limit = boot_now() + seconds(20);
  for (;;) {
    std::vector<std::function<void()>> calls;
    {
      const std::lock_guard lock(posted_->mutex);
      calls.swap(posted_->calls);
    }
    for (const auto& call : calls)
      call();
    if (done()) return true;
    if (boot_now() >= limit) return false;
    std::this_thread::yield();
  }
}

test_store::test_store(const std::filesystem::path& file, std::string group,
                       std::string clock_epoch) {
  auto opened = sqlite_store::open({.file = file,
                                    .group = std::move(group),
                                    .clock_epoch = std::move(clock_epoch),
                                    .listener = &loop,
                                    .post = loop.post(),
                                    .open_patience = seconds(20)});
  if (!opened) give_up(opened.error().message());
  store = std::move(*opened);
}

ports::lease_reply test_store::execute(const ports::lease_request& request, nanoseconds patience) {
  const auto id = next++;
  store->submit(id, request, patience);
  if (!loop.run_until([&] { return loop.leases.contains(id); })) give_up("no lease reply");
  return loop.leases[id];
}

ports::view_reply test_store::execute(const ports::view_request& request, nanoseconds patience) {
  const auto id = next++;
  store->submit(id, request, patience);
  if (!loop.run_until([&] { return loop.views.contains(id); })) give_up("no view reply");
  return loop.views[id];
}

test_connection::test_connection(const std::filesystem::path& file) {
  if (sqlite3_open(file.c_str(), &db_) != SQLITE_OK) give_up("cannot open " + file.native());
  sqlite3_busy_timeout(db_, 10'000);
}

test_connection::~test_connection() {
  sqlite3_close(db_);
}

std::string test_connection::query(const std::string& sql) {
  std::string rows;
  const auto append = [](void* to, int count, char** cells, char**) {
    auto& text = *static_cast<std::string*>(to);
    for (int i = 0; i < count; ++i)
      text += std::string(i == 0 ? "" : "|") + (cells[i] == nullptr ? "NULL" : cells[i]);
    text += "\n";
    return 0;
  };
  if (sqlite3_exec(db_, sql.c_str(), append, &rows, nullptr) != SQLITE_OK)
    return std::string("error: ") + sqlite3_errmsg(db_);
  return rows;
}

test_process::test_process(const std::function<std::string()>& work) {
  if (!test_loop().run_until(store_threads_ended)) give_up("a store does not end");
  int ends[2];
  if (pipe(ends) != 0) give_up("no pipe");
  child_ = fork();
  if (child_ < 0) give_up("no process");
  if (child_ == 0) {
    const std::string text = work();
    _exit(write(ends[1], text.data(), text.size()) < 0 ? 1 : 0);
  }
  close(ends[1]);
  from_child_ = ends[0];
}

std::string test_process::answer() {
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(from_child_, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  close(from_child_);
  int status = 0;
  waitpid(child_, &status, 0);
  return status == 0 ? text : text + " (the child ended badly)";
}

TEST(test_store, tells_a_child_that_fails_from_one_that_answers) {
  EXPECT_EQ(test_process([] { return std::string("fine"); }).answer(), "fine");
  const auto broken = [] {
    std::_Exit(3);
    return std::string();
  };
  EXPECT_EQ(test_process(broken).answer(), " (the child ended badly)");
}

TEST(test_store, shows_errors_of_queries) {
  temporary_folder folder;
  test_connection db(folder.path / "any.db");
  EXPECT_EQ(db.query("SELECT 1, NULL"), "1|NULL\n");
  EXPECT_TRUE(db.query("SELECT x").starts_with("error: "));
}

}  // namespace hedgerow::store
