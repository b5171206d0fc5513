// Whoever is killed, at any call that SQLite makes to its files: what was acknowledged is kept, the
// statement under way has happened or not, the file is whole, and the next one goes on. Also while
// another process has the file open.

#include <array>
#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/patience.h"
#include "store/sqlite/sqlite_connection.h"
#include "store/sqlite/test_dying.h"
#include "store/sqlite/test_file.h"

namespace hedgerow::store::sqlite {
namespace {

using ports::lease_action;
using ports::lease_request;
using ports::store_outcome;
using ports::view_action;
using ports::view_request;
using std::filesystem::path;

const row_key key{row_kind::group, "workers"};

// One connection, and what a leader does with it.
class user {
 public:
  explicit user(const path& file) : db_(file, "boot:one") {}

  bool open() { return db_.ready(boot_now() + seconds(10)).has_value(); }
  bool create() { return lease(lease_action::create, 1000); }
  bool renew(std::int64_t expires) { return lease(lease_action::renew, expires); }
  bool release() { return lease(lease_action::release, 0); }
  bool claim() {
    view_request request{.action = view_action::claim};
    request.row.id = {100, 0};
    return view(request);
  }
  bool commit() {
    view_request request{.action = view_action::commit};
    request.row.id = {100, 1};
    request.expected = {100, 0};
    return view(request);
  }
  // Takes what there is; with an `earliest` after every expiry of these tests.
  bool take(const std::optional<ports::lease_row>& seen, fencing_token token) {
    lease_request request{.action = lease_action::acquire, .row = row(9000)};
    request.row.token = token;
    request.row.incarnation = {2, 2};
    request.observed = seen ? seen->token : 0;
    request.earliest = {8000};
    if (!seen) request.action = lease_action::create;
    return execute(request).applied;
  }
  void close() { db_.close(); }
  std::optional<ports::lease_row> read() { return execute({}).row; }
  std::string view_id() {
    const auto reply = db_.execute(key, view_request{}, boot_now() + seconds(10));
    return reply.row ? std::to_string(reply.row->id.sequence) : "none";
  }

 private:
  ports::lease_row row(std::int64_t expires) {
    ports::lease_row made;
    made.holder = "alice";
    made.incarnation = {1, 1};
    made.token = 100;
    made.expires = {expires};
    made.lease = seconds(3);
    made.lease_max = seconds(5);
    made.epoch = epoch();
    made.scale = "boot";
    return made;
  }
  std::string epoch() { return db_.execute(key, lease_request{}, boot_now() + seconds(10)).epoch; }
  ports::lease_reply execute(const lease_request& request) {
    return db_.execute(key, request, boot_now() + seconds(10));
  }
  bool lease(lease_action action, std::int64_t expires) {
    lease_request request{.action = action, .row = row(expires)};
    request.earliest = {500};
    return execute(request).applied;
  }
  bool view(const view_request& request) {
    return db_.execute(key, request, boot_now() + seconds(10)).applied;
  }

  sqlite_connection db_;
};

struct step {
  std::function<bool(user&)> act;
  std::string leaves;  // expiry of the lease, whether it is released, sequence of the view
};

const std::array<step, 8> life{{
    {[](user& u) { return u.open(); }, "none none"},
    {[](user& u) { return u.create(); }, "1000 held none"},
    {[](user& u) { return u.claim(); }, "1000 held 0"},
    {[](user& u) { return u.commit(); }, "1000 held 1"},
    {[](user& u) { return u.renew(2000); }, "2000 held 1"},
    {[](user& u) { return u.renew(3000); }, "3000 held 1"},
    {[](user& u) { return u.release(); }, "3000 released 1"},
    {[](user& u) {
       u.close();
       return true;
     },
     "3000 released 1"},
}};

std::string state_of(user& u) {
  const auto row = u.read();
  if (!row) return "none " + u.view_id();
  return std::to_string(row->expires.us) + (row->released ? " released " : " held ") + u.view_id();
}

struct victim {
  bool killed = false;
  std::size_t done = 0;  // steps that it was told are done
};

victim live(const path& file, int die_at) {
  std::array<int, 2> told{};
  if (pipe(told.data()) != 0) std::abort();
  const pid_t child = fork();
  if (child == 0) {
    die_at_call(die_at);
    user one(file);
    for (const step& each : life) {
      if (!each.act(one) || write(told[1], "x", 1) != 1) _exit(1);
    }
    _exit(0);
  }
  close(told[1]);
  victim result;
  for (char byte = 0; read(told[0], &byte, 1) == 1;)
    ++result.done;
  close(told[0]);
  int status = 0;
  waitpid(child, &status, 0);
  result.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  EXPECT_TRUE(result.killed || WEXITSTATUS(status) == 0) << "a step failed after " << result.done;
  return result;
}

// What is wrong after the victim's end, as a survivor with a connection sees it; empty if nothing.
std::string trouble(user& survivor, const path& file, std::size_t done) {
  if (!survivor.open()) return "cannot be opened";
  const std::string left = state_of(survivor);
  const std::string before = done == 0 ? life[0].leaves : life[done - 1].leaves;
  if (left != before && left != life[std::min(done, life.size() - 1)].leaves)
    return "has \"" + left + "\", and \"" + before + "\" was acknowledged";
  if (!survivor.take(survivor.read(), 5000)) return "the lease cannot be taken";
  const auto row = survivor.read();
  if (!row || row->token < 5000) return "the token did not grow";
  const std::string whole = test_connection(file).query("PRAGMA integrity_check");
  return whole == "ok\n" ? "" : whole;
}

TEST(dying, at_any_call_to_the_file_loses_and_damages_nothing) {
  int calls = 0;
  for (victim last{.killed = true}; last.killed; ++calls) {
    const temporary_folder folder;
    const path file = folder.path / "hedgerow.db";
    last = live(file, calls + 1);
    user survivor(file);
    EXPECT_EQ(trouble(survivor, file, last.done), "") << "killed at call " << calls + 1;
    ASSERT_LT(calls, 2000) << "it never lives to the end";
  }
  EXPECT_GT(calls, 50);
}

TEST(dying, beside_a_process_that_has_the_file_open_harms_nobody) {
  constexpr int step_between = 4;
  int calls = 0;
  for (victim last{.killed = true}; last.killed; calls += step_between) {
    const temporary_folder folder;
    const path file = folder.path / "hedgerow.db";
    std::array<int, 2> is_open{};
    std::array<int, 2> go_on{};
    ASSERT_TRUE(pipe(is_open.data()) == 0 && pipe(go_on.data()) == 0);
    test_process bystander([&]() -> std::string {
      user survivor(file);
      if (!survivor.open()) return "cannot be opened at first";
      survivor.read();
      char done = 0;
      if (write(is_open[1], "x", 1) != 1 || read(go_on[0], &done, 1) != 1) return "no word";
      // Opening again shows what a new connection would find; this one has been open throughout.
      const std::string found = trouble(survivor, file, static_cast<std::size_t>(done));
      return found.empty() ? "well" : found;
    });
    char byte = 0;
    ASSERT_EQ(read(is_open[0], &byte, 1), 1);
    last = live(file, calls + 1);
    const char done = static_cast<char>(last.done);
    ASSERT_EQ(write(go_on[1], &done, 1), 1);
    EXPECT_EQ(bystander.answer(), "well") << "killed at call " << calls + 1;
    for (const int fd : {is_open[0], is_open[1], go_on[0], go_on[1]})
      close(fd);
    ASSERT_LT(calls, 2000) << "it never lives to the end";
  }
}

}  // namespace
}  // namespace hedgerow::store::sqlite
