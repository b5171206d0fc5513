// What the system allows a process, used up on purpose: descriptors, threads and memory.

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <functional>
#include <vector>

#include <gtest/gtest.h>
#include <hedgerow/client.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock/test_segment.h"
#include "tests/system/harness/cluster.h"
#include "tests/system/harness/control_group.h"
#include "tests/system/harness/hostile_peer.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

// Nobody's, and another for each test process: what the system counts for it is what it runs here.
std::string own_user() {
  return std::to_string(1'000'000 + getpid());
}

process_setup behind(const arguments& before, const arguments& command) {
  process_setup with;
  with.arguments = before;
  // To look for leaks at its end it needs descriptors and a thread, which it shall not have.
  with.environment["ASAN_OPTIONS"] = "detect_leaks=0";
  with.arguments.insert(with.arguments.end(), command.begin(), command.end());
  return with;
}

// That it ended with a line that says what lacks, and not by an exception.
void expect_clear_words(const outcome& came, const std::vector<std::string>& any_of) {
  EXPECT_EQ(came.code, 1) << came.err;
  EXPECT_TRUE(came.err.starts_with("hedgerow: ")) << came.err;
  EXPECT_EQ(std::count(came.err.begin(), came.err.end(), '\n'), 1) << came.err;
  EXPECT_TRUE(std::any_of(any_of.begin(), any_of.end(), [&](const std::string& words) {
    return came.err.find(words) != std::string::npos;
  })) << came.err;
}

std::vector<arguments> commands(const std::string& store) {
  return {{HEDGEROW_COMMAND, "agent", "--name", "a", "--store", store},
          {HEDGEROW_COMMAND, "send", "x", "--store", store},
          {HEDGEROW_COMMAND, "watch", "--store", store},
          {HEDGEROW_COMMAND, "stream", "--store", store},
          {HEDGEROW_COMMAND, "lock", "x", "--store", store, "--", "true"}};
}

TEST(limits, of_descriptors_at_the_start_are_named) {
  cluster group;
  ASSERT_EQ(group.run({"lock", "x", "--", "true"}).code, 0) << "makes the store";
  for (const auto& command : commands(group.store())) {
    // With fewer the dynamic linker ends it; with more some of them run.
    for (const char* count : {"4", "5"}) {
      const outcome came =
          run_program(behind({"prlimit", std::string("--nofile=") + count}, command));
      SCOPED_TRACE(command[1] + " with " + count);
      expect_clear_words(came, {"Too many open files"});
    }
  }
  const outcome came = run_program(
      behind({"prlimit", "--nofile=12"}, {HEDGEROW_COMMAND, "agent", "--store", group.store()}));
  expect_clear_words(came, {"no file descriptor is left: raise the limit of open files"});
}

TEST(limits, of_threads_at_the_start_are_named) {
  if (sanitized) GTEST_SKIP() << "sanitizers need threads of their own";
  cluster group;
  std::filesystem::permissions(group.folder(), std::filesystem::perms::all);
  const arguments as_nobody{"setpriv", "--reuid=" + own_user(), "--clear-groups", "prlimit"};
  const auto allowed = [&](int count) {
    arguments all = as_nobody;
    all.push_back("--nproc=" + std::to_string(count));
    return all;
  };
  for (const auto& command : commands(group.store())) {
    SCOPED_TRACE(command[1]);
    expect_clear_words(run_program(behind(allowed(1), command)),
                       {"Resource temporarily unavailable"});
  }
  // Its writer, its two for the store, its loop, and its pool.
  for (int count = 2; count <= 11; ++count) {
    SCOPED_TRACE(count);
    expect_clear_words(run_program(behind(allowed(count), {HEDGEROW_COMMAND, "agent", "--store",
                                                           group.store(), "--on-send", "cat"})),
                       {"Resource temporarily unavailable"});
  }
}

// Agents that may start no thread and no process from some moment on.
class without_threads : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::permissions(group.folder(), std::filesystem::perms::all);
    for (const char* name : {"a", "b", "c"}) {
      process_setup with = group.agent_setup(
          name, {"--log-level", "warning", "--on-send", "cat", "--on-stream", "cat"});
      with.arguments.insert(with.arguments.begin(),
                            {"setpriv", "--reuid=" + own_user(), "--clear-groups"});
      group.start_with(name, std::move(with));
    }
    ASSERT_TRUE(group.wait_formed());
    leader = group.leader();
    told = leader->count();
  }
  // As that user: root may lack the right to do it to others.
  void allow(const std::string& count) {
    const outcome done =
        run_program({"setpriv", "--reuid=" + own_user(), "--clear-groups", "prlimit", "--pid",
                     std::to_string(leader->itself().pid()), "--nproc=" + count + ":"});
    ASSERT_EQ(done.code, 0) << done.err;
  }
  outcome ask(const arguments& what, std::optional<std::string> input = {}) {
    arguments all = what;
    all.insert(all.end(), {"--agent", leader->address(), "--timeout", "1s"});
    return run_command(all, std::move(input));
  }

  cluster group{"1s"};
  agent* leader = nullptr;
  std::size_t told = 0;

  // `few`: it may start no thread and no process. `many`: as before.
  void expect_goes_on(const std::function<void()>& few, const std::function<void()>& many);
};

void without_threads::expect_goes_on(const std::function<void()>& few,
                                     const std::function<void()>& many) {
  few();
  const outcome stream = ask({"stream"}, "x\n");
  EXPECT_EQ(stream.code, 4) << stream.err;
  EXPECT_NE(stream.err.find("can start no thread for a stream handler"), std::string::npos)
      << stream.err;
  const outcome sent = ask({"send", "x"});
  EXPECT_EQ(sent.code, 1) << sent.err;
  EXPECT_NE(sent.err.find("the handler could not be started: /bin/sh: Resource temporarily"),
            std::string::npos)
      << sent.err;
  EXPECT_EQ(ask({"broadcast", "x"}).code, 0) << "needs none";
  agent& d = group.start("d");
  EXPECT_NE(d.await("ready", agent::any, 5s), nullptr) << "members still come";
  EXPECT_EQ(leader->first("leadership", agent::any, told), nullptr);

  many();
  EXPECT_EQ(ask({"send", "x"}).out, "x");
  EXPECT_EQ(ask({"stream"}, "x\n").out, "x\n");
  EXPECT_TRUE(group.wait_formed(2s));
  EXPECT_EQ(leader->first("leadership", agent::any, told), nullptr);
}

TEST_F(without_threads, an_agent_refuses_what_needs_them_and_goes_on_leading) {
  rlimit own{};  // which they inherited
  ASSERT_EQ(getrlimit(RLIMIT_NPROC, &own), 0);
  expect_goes_on(
      [this] { allow("1"); },
      [&] { allow(own.rlim_cur == RLIM_INFINITY ? "unlimited" : std::to_string(own.rlim_cur)); });
}

// As TasksMax= of systemd, or a pod's limit: it counts all of the service, whoever's it is.
TEST_F(without_threads, of_a_control_group_does_the_same) {
  const control_group tasks{"pids"};
  if (!tasks.why_not().empty()) GTEST_SKIP() << tasks.why_not();
  ASSERT_TRUE(tasks.take_in(leader->itself().pid()));
  expect_goes_on([&] { ASSERT_TRUE(tasks.limit("1")); }, [&] { ASSERT_TRUE(tasks.limit("max")); });
}

TEST(too_many, messages_for_the_handlers_are_turned_away_and_their_senders_told) {
  cluster group{"1s"};
  const std::string open = group.folder() / "open";
  agent& a = group.start("a", {"--handlers", "1", "--on-send", "test -e " + open + " || sleep 60"});
  ASSERT_TRUE(group.wait_formed());
  client_options with;
  with.agent = a.address();
  const auto sender = client::start(with);
  ASSERT_TRUE(sender);
  ASSERT_TRUE((*sender)->wait_for_leader(5s));
  const std::size_t told = a.count();
  constexpr int count = 1200;  // 1,024 wait
  std::atomic<int> overloaded = 0, answered = 0;
  for (int i = 0; i < count; ++i) {
    (*sender)->send("x", 2s, [&](const result<reply>& r) {
      const std::string words = r ? "" : r.error().message();
      if (words.find("too many messages wait for their handlers") != std::string::npos) {
        EXPECT_EQ(r.error().outcome(), call_outcome::not_executed);
        ++overloaded;
      }
      ++answered;
    });
  }
  EXPECT_TRUE(wait_for([&] { return answered == count; }, 10s)) << answered;
  EXPECT_GE(overloaded, 1);
  std::ofstream{open};
  EXPECT_TRUE(wait_for([&] { return (*sender)->send("x", 1s).has_value(); }, 5s));
  EXPECT_EQ(a.first("leadership", agent::any, told), nullptr);
}

TEST(too_many, clients_of_one_agent_go_to_another) {
  rlimit mine{};
  getrlimit(RLIMIT_NOFILE, &mine);
  mine.rlim_cur = mine.rlim_max;
  setrlimit(RLIMIT_NOFILE, &mine);
  cluster group{"1s"};
  for (const char* name : {"a", "b"})
    group.start(name, {"--log-level", "warning"});
  ASSERT_TRUE(group.wait_formed());
  agent& leader = *group.leader();
  const std::size_t told = leader.count();
  std::vector<hostile_peer> followers;
  for (int i = 0; i < 1024; ++i) {
    followers.emplace_back(leader.address());
    followers.back().say(hello_of_client() + frame_of(message::subscribe{}));
  }
  const auto at_leader = [&] {
    return run_command({"members", "--agent", leader.address(), "--timeout", "1s"});
  };
  outcome refused;
  EXPECT_TRUE(wait_for([&] { return (refused = at_leader()).code == 3; }, 10s));
  EXPECT_NE(refused.err.find("as many clients"), std::string::npos) << refused.err;
  EXPECT_EQ(group.run({"send", "x"}).code, 0) << "the other one has room";
  followers.clear();
  EXPECT_TRUE(wait_for([&] { return at_leader().code == 0; }, 5s));
  EXPECT_EQ(leader.first("leadership", agent::any, told), nullptr);
}

std::size_t address_space(pid_t process) {
  std::ifstream from{"/proc/" + std::to_string(process) + "/statm"};
  std::size_t pages = 0;
  from >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// Within all limits of ours, until it has ended: requests that wait for their handlers.
void fill(agent& of) {
  hostile_peer sender{of.address()};
  sender.say(hello_of_client());
  const auto begin = steady_clock::now();
  std::uint64_t id = 0;
  while (of.itself().running() && steady_clock::now() - begin < 10s)
    sender.say_all(frame_of(request_of(3 * 1024 * 1024, ++id)));
}

class without_memory : public testing::Test {
 protected:
  // Three, whose handlers take their time.
  void form() {
    for (const char* name : {"a", "b", "c"})
      group.start(name, {"--log-level", "warning", "--on-send", "sleep 60"});
    ASSERT_TRUE(group.wait_formed());
    leader = group.leader();
    token = (*leader->latest("leadership"))["token"];
  }
  // It is limited, and takes in more than it may.
  void expect_end(int code) {
    fill(*leader);
    EXPECT_EQ(leader->itself().wait_exit(1s), code);
    ended = steady_clock::now();
  }
  void expect_successor() {
    group.forget(leader->name());
    ASSERT_TRUE(wait_for([&] { return group.leader() != nullptr; }, 5s));
    EXPECT_LT(steady_clock::now() - ended, 3s);
    EXPECT_TRUE(group.wait_formed(5s));
    EXPECT_GT((*group.leader()->latest("leadership"))["token"], token);
  }

  cluster group{"1s"};
  agent* leader = nullptr;
  std::int64_t token = 0;
  steady_clock::time_point ended;
};

TEST_F(without_memory, a_leader_ends_with_a_word_and_another_follows) {
  if (sanitized) GTEST_SKIP() << "a sanitizer's addresses cannot be limited";
  ASSERT_NO_FATAL_FAILURE(form());
  const pid_t pid = leader->itself().pid();
  rlimit now{};
  ASSERT_EQ(prlimit(pid, RLIMIT_AS, nullptr, &now), 0);
  now.rlim_cur = address_space(pid) + 16 * 1024 * 1024;
  ASSERT_EQ(prlimit(pid, RLIMIT_AS, &now, nullptr), 0);

  expect_end(1);
  leader->itself().finish_reading();
  EXPECT_NE(leader->itself().err().find("hedgerow: out of memory"), std::string::npos)
      << leader->itself().err();
  expect_successor();
}

// As MemoryMax= of systemd, or a pod's limit: the kernel ends it without a word.
TEST_F(without_memory, of_a_control_group_a_leader_is_killed_and_another_follows) {
  const control_group memory{"memory"};
  if (!memory.why_not().empty()) GTEST_SKIP() << memory.why_not();
  ASSERT_NO_FATAL_FAILURE(form());
  ASSERT_TRUE(memory.limit(std::to_string(64 * 1024 * 1024)));
  ASSERT_TRUE(memory.take_in(leader->itself().pid()));
  expect_end(128 + SIGKILL);
  expect_successor();
}

class last_descriptor : public testing::Test {
 protected:
  // None is left, whatever is open.
  void use_up(agent& of) {
    pid = of.itself().pid();
    ASSERT_EQ(prlimit(pid, RLIMIT_NOFILE, nullptr, &before), 0);
    limit_descriptors(pid, lowest_free_descriptor(pid));
  }
  void give_back() { limit_descriptors(pid, before.rlim_cur); }

  cluster group{"1s"};
  pid_t pid = -1;
  rlimit before{};
};

TEST_F(last_descriptor, handlers_fail_with_words_and_run_again) {
  agent& a = group.start("a", {"--on-send", "cat", "--on-stream", "cat"});
  ASSERT_TRUE(group.wait_formed());
  // Whose connection is there before.
  client_options with;
  with.agent = a.address();
  const auto sender = client::start(with);
  ASSERT_TRUE(sender);
  ASSERT_EQ((*sender)->send("x", 5s)->payload, "x");
  const std::size_t told = a.count();
  use_up(a);
  const auto sent = (*sender)->send("x", 5s);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, errc::handler_failed);
  EXPECT_NE(sent.error().message().find("could not be started: pipe: Too many open files"),
            std::string::npos)
      << sent.error().message();
  auto one = (*sender)->open_stream();
  ASSERT_TRUE(one);
  const stream_end end = one->wait();
  ASSERT_FALSE(end.outcome);
  EXPECT_NE(end.outcome.error().message().find("Too many open files"), std::string::npos)
      << end.outcome.error().message();
  const outcome late = group.run({"send", "x", "--timeout", "1s"});
  EXPECT_EQ(late.code, 3) << "turned away: " << late.err;
  give_back();
  EXPECT_EQ((*sender)->send("x", 5s)->payload, "x");
  EXPECT_EQ(group.run({"stream"}, "x\n").out, "x\n");
  EXPECT_EQ(a.first("leadership", agent::any, told), nullptr);
}

TEST_F(last_descriptor, a_clock_that_cannot_be_read_suspends_the_leader_until_it_can) {
  const std::string path = group.folder() / "shm0";
  clock::test_segment segment{path};
  segment.write({});
  agent& a = group.start("a", {"--clock", "clockbound:" + path});
  ASSERT_TRUE(group.wait_formed());
  const std::size_t told = a.count();
  use_up(a);
  EXPECT_NE(a.await(
                "leadership", [](const json& l) { return l["state"] == "suspended"; }, 5s, told),
            nullptr);
  const event* why = a.await("clock", agent::any, 5s, told);
  ASSERT_NE(why, nullptr);
  EXPECT_NE(why->body.value("text", "").find("Too many open files"), std::string::npos)
      << why->body;
  give_back();
  EXPECT_NE(a.await("leadership", agent::leading, 5s, told), nullptr);
}

}  // namespace
}  // namespace hedgerow::system_test
