// Streams by the command: lines in, lines out, and processes as handlers.

#include <algorithm>
#include <csignal>
#include <fstream>
#include <memory>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/system/harness/cluster.h"
#include "tests/system/harness/hostile_peer.h"
#include "tests/system/harness/traces.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t payload_limit = 4 * 1024 * 1024;

std::string numbers(int from, int to) {
  std::string all;
  for (int i = from; i <= to; ++i)
    all += fmt::format("{}\n", i);
  return all;
}

// What it printed of one member, without the name.
std::string of_member(const std::string& out, const std::string& name) {
  std::string some;
  std::istringstream in{out};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(name + "\t")) some += line.substr(name.size() + 1) + "\n";
  }
  return some;
}

std::vector<json> objects(const std::string& out) {
  std::vector<json> all;
  std::istringstream in{out};
  for (std::string line; std::getline(in, line);)
    all.push_back(json::parse(line));
  return all;
}

// `hedgerow stream`, told line by line.
class conversation {
 public:
  conversation(const cluster& with, const arguments& more) {
    const std::string fifo = with.folder() / "stdin";
    unlink(fifo.c_str());
    if (mkfifo(fifo.c_str(), 0600) != 0) ADD_FAILURE() << fifo;
    // For both, or open would wait for a reader.
    handle_ = open(fifo.c_str(), O_RDWR | O_CLOEXEC);
    std::string command = fmt::format("exec {} stream --store {}", HEDGEROW_COMMAND, with.store());
    for (const std::string& one : more)
      command += " " + one;
    process_setup setup;
    setup.arguments = {"/bin/sh", "-c", command + " < " + fifo};
    process_ = std::make_unique<process>(std::move(setup));
  }
  ~conversation() { end(); }
  conversation(const conversation&) = delete;
  conversation& operator=(const conversation&) = delete;

  process& itself() { return *process_; }
  void say(const std::string& text) const {
    EXPECT_EQ(write(handle_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  // Only once it has said something: until then nobody else might have the pipe open.
  void end() {
    if (handle_ >= 0) close(handle_);
    handle_ = -1;
  }
  bool await(const std::string& out) {
    return wait_for([&] { return process_->out().find(out) != std::string::npos; }, 20s);
  }
  outcome wait() {
    const auto code = process_->wait_exit(30s);
    if (!code) return {-1, process_->out(), process_->err()};
    process_->finish_reading();
    return {*code, process_->out(), process_->err()};
  }

 private:
  int handle_ = -1;
  std::unique_ptr<process> process_;
};

class streams : public testing::Test {
 protected:
  void form(const std::vector<std::string>& names, const arguments& more = {}) {
    for (const std::string& name : names)
      group.start(name, more);
    ASSERT_TRUE(group.wait_formed()) << group.told();
  }
  std::string file(const std::string& name) const { return group.folder() / name; }

  cluster group{"1s"};
};

TEST_F(streams, carry_lines_to_the_leader_and_back) {
  form({"a"});
  const outcome few = group.run({"stream"}, "one\n\n  two\nno newline");
  EXPECT_EQ(few.code, 0) << few.err;
  EXPECT_EQ(few.out, "a: one\na: \na:   two\na: no newline\n");
  EXPECT_EQ(few.err, "");
  const outcome none = group.run({"stream"}, "");
  EXPECT_EQ(none.code, 0) << none.err;
  EXPECT_EQ(none.out, "");
}

TEST_F(streams, lose_and_repeat_no_line) {
  form({"a"}, {"--on-stream", "cat"});
  const std::string many = numbers(1, 100'000);
  const outcome sent = group.run({"stream"}, many);
  EXPECT_EQ(sent.code, 0) << sent.err;
  EXPECT_TRUE(sent.out == many) << sent.out.size();
}

TEST_F(streams, answer_at_once_while_stdin_is_open) {
  form({"a"});
  conversation talk{group, {}};
  talk.say("one\n");
  EXPECT_TRUE(talk.await("a: one\n"));
  talk.say("two\nthr");
  EXPECT_TRUE(talk.await("a: two\n"));
  talk.say("ee\n");
  EXPECT_TRUE(talk.await("a: three\n"));
  EXPECT_TRUE(talk.itself().running());
  talk.end();
  EXPECT_EQ(talk.wait().code, 0);
}

TEST_F(streams, reach_all_members) {
  form({"a", "b", "c"});
  const outcome sent = group.run({"stream", "--all"}, "one\ntwo\n");
  EXPECT_EQ(sent.code, 0) << sent.err;
  for (const std::string name : {"a", "b", "c"})
    EXPECT_EQ(of_member(sent.out, name), name + ": one\n" + name + ": two\n") << sent.out;
}

TEST_F(streams, tell_programs_in_json) {
  form({"a", "b"});
  const std::string leader = group.leader()->name();
  const auto lines = objects(group.run({"stream", "--json"}, "x\n\xff\n").out);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0], (json{{"from", leader}, {"reply", leader + ": x"}}));
  EXPECT_EQ(lines[1]["from"], leader);
  EXPECT_TRUE(lines[1].contains("reply_base64")) << lines[1];
  EXPECT_EQ(lines[2], (json{{"ok", true},
                            {"streams",
                             {{{"name", leader},
                               {"ok", true},
                               {"outcome", "replied"},
                               {"written", 2},
                               {"acknowledged", 2}}}}}));
  const auto all = objects(group.run({"stream", "--all", "--json"}, "x\n").out);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[2]["ok"], true);
  EXPECT_EQ(all[2]["streams"].size(), 2U);
  const auto lost = objects(
      run_command({"stream", "--json", "--timeout", "100ms", "--store", file("none.db")}, "x\n")
          .out);
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_EQ(lost[0]["ok"], false);
  EXPECT_EQ(lost[0]["outcome"], "not_executed");
}

TEST_F(streams, say_how_they_ended) {
  form({"a"}, {"--on-stream", "read x; echo got $x; echo no more >&2; exit 7"});
  const outcome failed = group.run({"stream"}, "1\n");
  EXPECT_EQ(failed.code, 1);
  EXPECT_EQ(failed.out, "got 1\n");
  EXPECT_NE(failed.err.find("exit status 7: no more"), std::string::npos) << failed.err;
  EXPECT_NE(failed.err.find("the first of 1 lines is consumed for certain"), std::string::npos)
      << failed.err;
  const outcome nobody =
      run_command({"stream", "--timeout", "100ms", "--store", file("none.db")}, "x\n");
  EXPECT_EQ(nobody.code, 3) << nobody.err;
  const outcome bad = group.run({"stream", "--meta", "why"}, "x\n");
  EXPECT_EQ(bad.code, 2);
  EXPECT_NE(bad.err.find("'why' is not KEY=VALUE"), std::string::npos) << bad.err;
  const outcome much = group.run({"stream", "--meta", "why=" + std::string(10'000, 'x')}, "x\n");
  EXPECT_EQ(much.code, 2) << much.err;
}

TEST_F(streams, have_limits) {
  form({"a"}, {"--on-stream", "exec cat"});
  const outcome longest = group.run({"stream"}, std::string(payload_limit, 'x') + "\n");
  EXPECT_EQ(longest.code, 0) << longest.err;
  EXPECT_EQ(longest.out.size(), payload_limit + 1);
  const outcome longer = group.run({"stream"}, "a\n" + std::string(payload_limit + 1, 'x') + "\n");
  EXPECT_EQ(longer.code, 1);
  EXPECT_NE(longer.err.find("line 2 of stdin is longer than 4194304 bytes"), std::string::npos)
      << longer.err;
  EXPECT_EQ(group.run({"stream", "--max-line", "3"}, "abcd\n").code, 1);
  EXPECT_EQ(group.run({"stream", "--max-line", "4194305"}, "a\n").code, 2);
  conversation late{group, {"--deadline", "300ms"}};
  const outcome end = late.wait();
  EXPECT_EQ(end.code, 5) << end.err;
  EXPECT_NE(end.err.find("deadline"), std::string::npos) << end.err;
  conversation idle{group, {"--idle-timeout", "300ms"}};
  EXPECT_EQ(idle.wait().code, 5);
}

TEST_F(streams, end_by_signals_and_with_their_reader) {
  form({"a"});
  for (const int number : {SIGINT, SIGTERM}) {
    conversation talk{group, {}};
    talk.say("x\n");
    ASSERT_TRUE(talk.await("a: x\n"));
    talk.itself().signal(number);
    const outcome end = talk.wait();
    EXPECT_EQ(end.code, 128 + number);
    EXPECT_NE(end.err.find("interrupted"), std::string::npos) << end.err;
  }
  process_setup with;
  with.arguments = {"/bin/bash", "-c",
                    fmt::format("yes | {} stream --store {} | head -1; echo ${{PIPESTATUS[*]}}",
                                HEDGEROW_COMMAND, group.store())};
  const outcome piped = run_program(std::move(with));
  EXPECT_EQ(piped.out, "a: y\n141 141 0\n") << piped.err;
  EXPECT_EQ(piped.err, "");
}

// The report is the only line that it misses.
TEST_F(streams, end_with_a_reader_that_had_every_reply) {
  form({"a"});
  const std::string fifo = file("more");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  process_setup with;
  with.arguments = {"/bin/bash", "-c",
                    fmt::format("{{ echo x; cat {0}; }} | {1} stream --json --store {2} | "
                                "{{ head -1; exec <&-; : > {0}; }}; echo ${{PIPESTATUS[*]}}",
                                fifo, HEDGEROW_COMMAND, group.store())};
  const outcome piped = run_program(std::move(with));
  EXPECT_EQ(piped.out, "{\"from\":\"a\",\"reply\":\"a: x\"}\n0 141 0\n") << piped.err;
  EXPECT_EQ(piped.err, "");
}

TEST_F(streams, tell_of_a_leader_that_was_killed) {
  form({"a", "b"});
  agent& leader = *group.leader();
  conversation talk{group, {"--json"}};
  talk.say(numbers(1, 10));
  ASSERT_TRUE(talk.await(leader.name() + ": 10"));
  leader.itself().signal(SIGKILL);
  const outcome end = talk.wait();
  EXPECT_EQ(end.code, 5) << end.err;
  const json last = objects(end.out).back();
  EXPECT_EQ(last["streams"][0]["code"], "outcome_unknown") << last;
  EXPECT_EQ(last["streams"][0]["outcome"], "unknown");
  EXPECT_EQ(last["streams"][0]["written"], 10);
  EXPECT_LE(last["streams"][0]["acknowledged"], 10);
}

// A leader that leaves says what it has consumed: it has answered to all of that.
TEST_F(streams, go_on_at_the_next_leader) {
  form({"a", "b"});
  const std::string first = group.leader()->name();
  const std::string next = first == "a" ? "b" : "a";
  conversation talk{group, {"--json"}};
  talk.say(numbers(1, 1000));
  ASSERT_TRUE(talk.await(first + ": 500\""));
  group[first].itself().signal(SIGTERM);
  const outcome end = talk.wait();
  EXPECT_EQ(end.code, 5) << end.err;
  const auto told = objects(end.out);
  const json ended = told.back()["streams"][0];
  EXPECT_EQ(ended["code"], "leadership_lost") << ended;
  const int consumed = ended["acknowledged"];
  for (int i = 1; i <= consumed; ++i) {
    if (i <= static_cast<int>(told.size()) - 1) {
      EXPECT_EQ(told[static_cast<std::size_t>(i) - 1]["reply"], fmt::format("{}: {}", first, i));
    }
  }
  EXPECT_GE(consumed, 500);
  EXPECT_NE(end.err.find(fmt::format("the first {} of", consumed)), std::string::npos) << end.err;
  group.forget(first);
  ASSERT_TRUE(group.wait_formed()) << group.told();
  const outcome rest = group.run({"stream", "--timeout", "20s"}, numbers(consumed + 1, 1000));
  EXPECT_EQ(rest.code, 0) << rest.err;
  EXPECT_EQ(std::count(rest.out.begin(), rest.out.end(), '\n'), 1000 - consumed);
}

TEST_F(streams, are_not_held_up_by_a_frozen_member) {
  form({"a", "b", "c"});
  const std::string frozen = group.some_follower()->name();
  conversation talk{group, {"--all", "--buffer", sanitized ? "8000000" : "100000"}};
  talk.say("first\n");
  for (const std::string name : {"a", "b", "c"})
    ASSERT_TRUE(talk.await(name + "\t" + name + ": first\n"));
  group.freeze(group[frozen]);
  // More than all buffers on the way to it.
  const std::string block(60'000, 'x');
  for (int i = 0; i < 500; ++i)
    talk.say(block + "\n");
  talk.say("last\n");
  for (const std::string name : {"a", "b", "c"}) {
    if (name != frozen) {
      EXPECT_TRUE(talk.await(name + "\t" + name + ": last\n"));
    }
  }
  talk.end();
  const outcome end = talk.wait();
  group[frozen].itself().signal(SIGCONT);
  EXPECT_EQ(end.code, 5) << end.err;
  EXPECT_TRUE(end.err.starts_with("hedgerow: " + frozen + ": ")) << end.err;
  EXPECT_EQ(std::count(end.err.begin(), end.err.end(), '\n'), 1) << end.err;
}

TEST_F(streams, say_which_member_did_not_take_them) {
  form({"a", "b", "c"});
  const std::string frozen = group.some_follower()->name();
  group.freeze(group[frozen]);
  const outcome sent = group.run({"stream", "--all", "--timeout", "1s"}, "one\n");
  group[frozen].itself().signal(SIGCONT);
  EXPECT_EQ(sent.code, 4) << sent.err;
  EXPECT_TRUE(sent.err.starts_with("hedgerow: " + frozen + ": ")) << sent.err;
  EXPECT_NE(sent.err.find("no line was consumed"), std::string::npos) << sent.err;
  for (const std::string name : {"a", "b", "c"}) {
    if (name != frozen) {
      EXPECT_EQ(of_member(sent.out, name), name + ": one\n");
    }
  }
}

TEST_F(streams, wait_for_a_slow_reader_and_hold_no_memory) {
  // So much written to the disk may keep a store's commit waiting for longer than a short lease.
  cluster patient{"4s"};
  const std::string line(1000, 'l');
  {
    std::ofstream in{file("in")};
    for (int i = 0; i < 64 * 1024; ++i)
      in << line << '\n';
  }
  patient.start("a");
  ASSERT_TRUE(patient.wait_formed()) << patient.told();
  ASSERT_EQ(mkfifo(file("gate").c_str(), 0600), 0);
  process_setup with;
  with.arguments = {
      "/bin/bash", "-c",
      fmt::format("{0} stream --store {1} < {2}/in > >(read x < {2}/gate; wc > {2}/count) & "
                  "echo $! > {2}/pid; wait $!",
                  HEDGEROW_COMMAND, patient.store(), group.folder().native())};
  process run{std::move(with)};
  const std::string pid = await_line(file("pid"), 20s);
  const auto position = [&] {
    std::string word;
    std::size_t where = 0;
    std::ifstream{"/proc/" + pid + "/fdinfo/0"} >> word >> where;
    return where;
  };
  // Until it has stopped to read for a while.
  std::size_t last = 0;
  int same = 0;
  EXPECT_TRUE(wait_for(
      [&] {
        const std::size_t now = position();
        same = now == last && now > 0 ? same + 1 : 0;
        last = now;
        return same > 50;
      },
      20s));
  EXPECT_LT(last, 32U * 1024 * 1024);
  const std::size_t most = (sanitized ? 256U : 64U) * 1024 * 1024;
  EXPECT_LT(resident_bytes(std::stoi(pid)), most);
  EXPECT_LT(resident_bytes(patient["a"].itself().pid()), most);
  std::ofstream{file("gate")} << "go\n";
  EXPECT_EQ(run.wait_exit(30s), 0);
  EXPECT_TRUE(wait_for([&] { return text_in(file("count")).ends_with('\n'); }, 20s));
  std::size_t lines = 0;
  std::ifstream{file("count")} >> lines;
  EXPECT_EQ(lines, 64U * 1024);
}

}  // namespace
}  // namespace hedgerow::system_test
