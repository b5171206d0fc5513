// `hedgerow lock`: commands that never overlap, whoever is killed, stopped or cut off.

#include <csignal>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/system/harness/cluster.h"
#include "tests/system/harness/store_connection.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

// A store with a lock that was used before, since the first use waits for a lease, and a file in
// which commands write what they do.
class locks {
 public:
  explicit locks(const std::string& lease = "1s") : lease_(lease) {
    EXPECT_EQ(run({"true"}).code, 0);
  }

  std::string store() const { return group_.store(); }
  std::string file(const std::string& name) const { return group_.folder() / name; }
  process_setup setup(const arguments& command, const arguments& more = {},
                      const std::string& name = "job") const {
    process_setup with;
    with.arguments = {HEDGEROW_COMMAND, "lock", name, "--lease", lease_, "--store", store()};
    with.arguments.insert(with.arguments.end(), more.begin(), more.end());
    with.arguments.emplace_back("--");
    with.arguments.insert(with.arguments.end(), command.begin(), command.end());
    with.environment["LOG"] = file("log");
    with.environment["DIR"] = group_.folder();
    return with;
  }
  outcome run(const arguments& command, const arguments& more = {},
              const std::string& name = "job") const {
    const auto with = setup(command, more, name);
    return run_command({with.arguments.begin() + 1, with.arguments.end()}, {}, with.environment);
  }
  outcome sh(const std::string& script, const arguments& more = {}) const {
    return run({"sh", "-c", script}, more);
  }
  std::unique_ptr<process> start(const std::string& script, const arguments& more = {}) const {
    return std::make_unique<process>(setup({"sh", "-c", script}, more));
  }
  std::string read(const std::string& name) const {
    std::ifstream in{file(name)};
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool wait_text(const std::string& name, const std::string& text, milliseconds patience) const {
    return wait_for([&] { return read(name).find(text) != std::string::npos; }, patience);
  }
  pid_t pid_in(const std::string& name) const {
    EXPECT_TRUE(wait_text(name, "\n", 20s)) << name;
    return std::stoi(read(name));
  }
  // Lines "begin TOKEN" and "end TOKEN": each begin is followed by its own end, if by any, before
  // the next; tokens grow.
  void expect_apart() const {
    std::istringstream lines{read("log")};
    std::string what;
    std::int64_t token = 0;
    std::int64_t last = 0;
    while (lines >> what >> token) {
      if (what == "begin") {
        EXPECT_GT(token, last) << read("log");
        last = token;
      } else {
        EXPECT_EQ(token, last) << read("log");
      }
    }
    EXPECT_NE(last, 0);
  }

 private:
  cluster group_;
  std::string lease_;
};

constexpr const char* brief_work =
    "echo begin $HEDGEROW_TOKEN >> $LOG; sleep 0.05; echo end $HEDGEROW_TOKEN >> $LOG";
// Leaves a trace as long as it lives, and ends in no other way than by being killed.
constexpr const char* endless_work =
    "echo $$ > $DIR/pid; echo begin $HEDGEROW_TOKEN >> $LOG;"
    "while :; do echo end $HEDGEROW_TOKEN >> $LOG; sleep 0.02; done";

bool alive(pid_t pid) {
  if (kill(pid, 0) != 0) return false;
  // A zombie does nothing any more.
  std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
  const std::string text{std::istreambuf_iterator<char>(stat), {}};
  const auto after_name = text.rfind(')');
  return after_name != text.npos && text.compare(after_name, 4, ") Z ") != 0;
}

// The one whose parent is `parent`.
pid_t child_of(pid_t parent) {
  std::ifstream in{"/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) +
                   "/children"};
  pid_t child = 0;
  in >> child;
  return child;
}

TEST(lock, commands_never_overlap_and_tokens_grow) {
  const locks at;
  std::vector<std::unique_ptr<process>> all;
  for (int i = 0; i < 6; ++i)
    all.push_back(at.start(brief_work));
  for (auto& one : all)
    EXPECT_EQ(one->wait_exit(30s), 0) << one->err();
  at.expect_apart();
  const std::string log = at.read("log");
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 12) << log;
}

// It has looked then: its process waits for the log of the store.
bool wait_until_it_waits(const process& waiter) {
  const std::string open = "/proc/" + std::to_string(waiter.pid()) + "/fd";
  return wait_for(
      [&] {
        std::error_code failed;
        for (const auto& fd : std::filesystem::directory_iterator(open, failed)) {
          if (std::filesystem::read_symlink(fd, failed) == "anon_inode:inotify") return true;
        }
        return false;
      },
      20s);
}

TEST(lock, who_waits_is_woken_when_it_is_free) {
  const locks at{"4s"};
  const auto holder = at.start("echo > $DIR/held; while [ ! -e $DIR/go ]; do sleep 0.01; done");
  ASSERT_TRUE(at.wait_text("held", "\n", 20s));
  const auto waiter = at.start("echo > $DIR/mine");
  ASSERT_TRUE(wait_until_it_waits(*waiter));
  const auto freed = steady_clock::now();
  std::ofstream{at.file("go")} << "go";
  ASSERT_TRUE(at.wait_text("mine", "\n", 20s));
  EXPECT_LT(steady_clock::now() - freed, 500ms) << "the next poll is up to a second away";
  EXPECT_EQ(waiter->wait_exit(20s), 0);
  EXPECT_EQ(holder->wait_exit(20s), 0);
}

TEST(lock, that_is_not_had_in_time_starts_nothing) {
  const locks at;
  const auto holder = at.start("echo > $DIR/held; while [ ! -e $DIR/go ]; do sleep 0.01; done");
  ASSERT_TRUE(at.wait_text("held", "\n", 20s));
  for (const char* wait : {"0", "300ms"}) {
    const outcome tried = at.run({"touch", at.file("ran")}, {"--wait", wait, "--json"});
    EXPECT_EQ(tried.code, 3) << tried.err;
    EXPECT_NE(tried.err.find(std::to_string(holder->pid())), std::string::npos) << tried.err;
    EXPECT_EQ(tried.out, "");
    const auto last = json::parse(tried.err.substr(tried.err.find('{')));
    EXPECT_EQ(last["outcome"], "not_acquired");
    EXPECT_EQ(last["status"], 3);
    EXPECT_EQ(last["lock"], "job");
  }
  EXPECT_FALSE(std::filesystem::exists(at.file("ran")));
  std::ofstream{at.file("go")} << "go";
  EXPECT_EQ(holder->wait_exit(20s), 0);
  EXPECT_EQ(at.run({"touch", at.file("ran")}, {"--wait", "0"}).code, 0);
}

TEST(lock, exits_as_its_command_does) {
  const locks at;
  EXPECT_EQ(at.sh("exit 7").code, 7);
  EXPECT_EQ(at.sh("kill -USR1 $$").code, 128 + SIGUSR1);
  EXPECT_EQ(at.run({"/nowhere/at/all"}).code, 127);
  EXPECT_EQ(at.run({"no-such-command-anywhere"}).code, 127);
  const outcome data = at.run({at.store()});
  EXPECT_EQ(data.code, 126);
  EXPECT_NE(data.err.find(at.store()), std::string::npos) << data.err;
  const outcome piped = at.sh("cat; echo $HEDGEROW_LOCK; echo oops >&2");
  EXPECT_EQ(piped.out, "job\n");
  EXPECT_EQ(piped.err, "oops\n");
}

TEST(lock, gives_its_command_every_argument_unchanged) {
  const locks at;
  const arguments odd{"[a,b]",   "[]", "[[]]",   "[ab]",  "{}", "",
                      "a b\n,c", "--", "--wait", "soon,", "-h"};
  arguments command{"printf", "<%s>"};
  std::string expected;
  for (const std::string& argument : odd) {
    command.push_back(argument);
    expected += "<" + argument + ">";
  }
  const outcome done = at.run(command);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, expected);
  const std::string url = "postgres://u:secret@db/x";
  EXPECT_EQ(at.run({"printf", "%s", url}).out, url) << "a password that is not ours";
  EXPECT_EQ(at.run({"--", "true"}).code, 127) << "the first -- alone is ours";
}

TEST(lock, keeps_no_zombies_of_what_its_command_leaves_behind) {
  const locks at;
  const outcome done = at.sh(
      "for i in 1 2 3; do (true & echo $! >> $DIR/left); done; "
      "for i in $(seq 200); do gone=7; "
      "for p in $(cat $DIR/left); do [ -e /proc/$p ] && gone=0; done; "
      "[ $gone = 7 ] && exit 7; sleep 0.05; done");
  EXPECT_EQ(done.code, 7) << "within ten seconds";
}

TEST(lock, leaves_a_signal_ignored_that_was_so_from_the_start) {
  const locks at;
  const auto holder = at.start("echo > $DIR/held; while [ ! -e $DIR/go ]; do sleep 0.01; done");
  ASSERT_TRUE(at.wait_text("held", "\n", 20s));
  auto with = at.setup({"true"});
  with.arguments.insert(with.arguments.begin(), {"/usr/bin/env", "--ignore-signal=HUP"});
  process waiter{std::move(with)};
  ASSERT_TRUE(wait_until_it_waits(waiter));
  waiter.signal(SIGHUP);
  std::ofstream{at.file("go")} << "go";
  EXPECT_EQ(waiter.wait_exit(20s), 0);
  EXPECT_EQ(holder->wait_exit(20s), 0);
}

// The kernel would reap the command, and nobody learn how it ended.
TEST(lock, ends_with_its_command_though_the_end_of_children_was_ignored_before) {
  const locks at;
  auto with = at.setup({"sh", "-c", "exit 3"});
  with.arguments.insert(with.arguments.begin(), {"/usr/bin/env", "--ignore-signal=CHLD"});
  const outcome ended = run_program(std::move(with));
  EXPECT_EQ(ended.code, 3) << ended.err;
}

TEST(lock, usage_that_is_wrong_exits_with_2_and_help_teaches) {
  for (const arguments& wrong : {arguments{"lock"},
                                 {"lock", "a"},
                                 {"lock", "a", "true"},
                                 {"lock", "a", "true", "-x"},
                                 {"lock", "a", "--"},
                                 {"lock", "a", "true", "--"},
                                 {"lock", "a", "true", "--", "true"},
                                 {"lock", "--", "true"},
                                 {"lock", "a", "--store", "postgres://u:p@db/x", "--", "true"},
                                 {"lock", "", "--", "true"},
                                 {"lock", std::string(256, 'x'), "--", "true"},
                                 {"lock", "a", "--wait", "soon", "--", "true"},
                                 {"lock", "a", "--lease", "50ms", "--", "true"}}) {
    const outcome tried = run_command(wrong);
    EXPECT_EQ(tried.code, 2) << tried.err;
    EXPECT_EQ(tried.err.find("hedgerow: "), 0u) << tried.err;
    EXPECT_EQ(std::count(tried.err.begin(), tried.err.end(), '\n'), 1) << tried.err;
  }
  const outcome bare = run_command({"lock", "a", "echo", "hi"});
  EXPECT_EQ(bare.code, 2);
  EXPECT_NE(bare.err.find("write -- before it"), std::string::npos) << bare.err;
  const outcome help = run_command({"lock", "--help"});
  for (const char* part : {"NAME COMMAND...", "COMMAND ... REQUIRED",
                           "Example:", "Exit codes:", "HEDGEROW_TOKEN", "setsid", "UPDATE"})
    EXPECT_NE(help.out.find(part), std::string::npos) << part;
  EXPECT_EQ(run_command({"help", "lock"}).out, help.out);
}

TEST(lock, has_any_name_and_is_no_group) {
  locks at{sanitized ? "3s" : "100ms"};
  for (const std::string& name :
       {std::string("it's \"a\" name; --"), std::string("schlüssel ☃"), std::string(255, 'x')}) {
    const outcome done = at.run({"sh", "-c", "printf %s \"$HEDGEROW_LOCK\""}, {}, name);
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_EQ(done.out, name);
  }
  cluster group{"1s"};
  group.start("a", {"--group", "job", "--store", at.store()});
  ASSERT_TRUE(group.wait_formed());
  const auto token = (*group["a"].latest("leadership"))["token"];
  EXPECT_EQ(at.run({"true"}).code, 0);
  EXPECT_TRUE((*group["a"].latest("leadership"))["leading"]);
  EXPECT_EQ((*group["a"].latest("leadership"))["token"], token);
}

TEST(lock, a_holder_that_is_killed_takes_its_command_with_it) {
  const locks at;
  for (const int number : {SIGKILL, SIGSTOP}) {
    std::filesystem::remove(at.file("pid"));
    const auto holder = at.start(endless_work);
    const pid_t command = at.pid_in("pid");
    holder->signal(number);
    EXPECT_EQ(at.sh("kill -0 $(cat $DIR/pid) 2> $DIR/probe; echo $? > $DIR/gone; " +
                    std::string(brief_work))
                  .code,
              0);
    EXPECT_FALSE(alive(command));
    EXPECT_EQ(at.read("gone"), "1\n") << "it was there when the next had the lock";
    holder->signal(SIGCONT);
    const int expected = number == SIGKILL ? 128 + SIGKILL : 6;
    EXPECT_EQ(holder->wait_exit(20s), expected) << holder->err();
  }
  at.expect_apart();
}

TEST(lock, a_supervisor_that_is_killed_takes_the_command_with_it) {
  const locks at;
  const auto holder = at.start(endless_work);
  const pid_t command = at.pid_in("pid");
  const pid_t supervisor = child_of(holder->pid());
  ASSERT_GT(supervisor, 0);
  ASSERT_EQ(child_of(supervisor), command);
  kill(supervisor, SIGKILL);
  EXPECT_EQ(holder->wait_exit(20s), 1) << holder->err();
  EXPECT_NE(holder->err().find("supervisor"), std::string::npos) << holder->err();
  EXPECT_FALSE(alive(command));
  EXPECT_EQ(at.run({"true"}, {"--wait", "0"}).code, 0) << "it was released";
}

TEST(lock, signals_are_forwarded_to_the_command) {
  const locks at;
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    const auto holder =
        at.start("trap 'exit 9' TERM INT HUP; echo > $DIR/up; while :; do sleep 0.02; done");
    ASSERT_TRUE(at.wait_text("up", "\n", 20s));
    holder->signal(number);
    EXPECT_EQ(holder->wait_exit(20s), 9) << number;
    std::filesystem::remove(at.file("up"));
  }
  const auto waiting = at.start("echo > $DIR/up; while :; do sleep 0.02; done");
  ASSERT_TRUE(at.wait_text("up", "\n", 20s));
  const auto other = at.start("true");
  ASSERT_TRUE(wait_for([&] { return child_of(other->pid()) != 0; }, 20s));
  other->signal(SIGTERM);
  EXPECT_EQ(other->wait_exit(20s), 128 + SIGTERM) << "while it waits, too";
  waiting->signal(SIGTERM);
  EXPECT_EQ(waiting->wait_exit(20s), 128 + SIGTERM);
}

TEST(lock, a_store_that_is_away_costs_the_command_in_time) {
  const locks at;
  // Asked, and killed where asking does not help.
  for (const char* script : {"trap 'echo asked > $DIR/asked; exit 0' TERM; echo > $DIR/up;"
                             "while :; do sleep 0.02; done",
                             "trap '' TERM; echo > $DIR/up; while :; do sleep 0.02; done"}) {
    std::filesystem::remove(at.file("up"));
    const auto holder = at.start(script, {"--json"});
    ASSERT_TRUE(at.wait_text("up", "\n", 20s));
    store_connection other{at.store()};
    ASSERT_TRUE(other.run("BEGIN EXCLUSIVE"));
    EXPECT_EQ(holder->wait_exit(20s), 6) << holder->err();
    EXPECT_NE(holder->err().find("\"outcome\":\"lost\""), std::string::npos) << holder->err();
    EXPECT_TRUE(other.run("ROLLBACK"));
  }
  EXPECT_EQ(at.read("asked"), "asked\n");
}

// Who reads from a terminal that is another group's is stopped.
TEST(lock, the_terminal_is_the_commands_while_it_runs) {
  const locks at;
  const std::string command = "'" HEDGEROW_COMMAND "' lock job --lease 1s --store '" + at.store() +
                              "' -- sh -c 'read x; echo got $x; exit 9'";
  process_setup with;
  with.arguments = {"/usr/bin/script", "-qec", command, "/dev/null"};
  with.input = "hello\n";
  process one{std::move(with)};
  EXPECT_EQ(one.wait_exit(20s), 9) << one.out() << one.err();
  one.finish_reading();
  EXPECT_NE(one.out().find("got hello"), std::string::npos) << one.out();
}

TEST(lock, nothing_of_the_commands_group_outlives_it) {
  const locks at;
  const outcome done =
      at.sh("sleep 1000 & echo $! > $DIR/left; (sleep 1000 & echo $! > $DIR/orphan); exit 4");
  EXPECT_EQ(done.code, 4);
  EXPECT_FALSE(alive(at.pid_in("left")));
  EXPECT_FALSE(alive(at.pid_in("orphan")));
}

}  // namespace
}  // namespace hedgerow::system_test
