// Groups with a secret, or with certificates: who is let in, what is said, and secrets that change.

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <hedgerow/client.h>
#include <hedgerow/security.h>
#include <sys/stat.h>

#include "tests/system/harness/cluster.h"
#include "tests/system/harness/network.h"
#include "tests/system/harness/traces.h"

namespace hedgerow::system_test {
namespace {

using namespace std::chrono_literals;

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

class secured : public testing::Test {
 protected:
  explicit secured(const std::string& lease = "1s") : group{lease} {}
  // Replaced at once, as a careful operator does it.
  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = group.folder() / name;
    std::ofstream(path + ".new") << text;
    ::chmod((path + ".new").c_str(), 0600);
    std::filesystem::rename(path + ".new", path);
    return path;
  }
  void form(std::initializer_list<const char*> names) {
    for (const char* name : names)
      group.start(name, {"--secret-file", file, "--log-level", "info"});
    ASSERT_TRUE(group.wait_formed()) << group.told();
  }
  outcome run(arguments given, const std::string& secret_file) {
    if (!secret_file.empty()) given.insert(given.end(), {"--secret-file", secret_file});
    return group.run(given);
  }
  static std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1))
      ++found;
    return found;
  }
  // Everybody reads the file again now.
  void hang_up() {
    std::map<std::string, std::size_t> before;
    for (agent* one : group.agents())
      before[one->name()] = count(one->itself().err(), "read again");
    for (agent* one : group.agents())
      one->itself().signal(SIGHUP);
    for (agent* one : group.agents()) {
      ASSERT_TRUE(wait_for(
          [&] { return count(one->itself().err(), "read again") > before[one->name()]; }, 5s))
          << one->name();
    }
  }

  cluster group;
  std::string secret = new_secret();
  std::string file = write("group.secret", secret + "\n");
};

TEST_F(secured, secrets_are_made_by_the_command) {
  const outcome made = run_command({"secret", "new"});
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(made.out.find("hedgerow-secret-1:"), 0u);
  EXPECT_EQ(made.out.back(), '\n');
  EXPECT_NE(made.out, run_command({"secret", "new"}).out);
  write("made.secret", made.out);
  form({"a"});
  EXPECT_EQ(run({"leader"}, file).code, 0);
}

TEST_F(secured, every_command_needs_the_secret) {
  form({"a", "b"});
  const auto other = write("other.secret", new_secret());
  for (const arguments& command : std::initializer_list<arguments>{{"members"},
                                                                   {"leader"},
                                                                   {"send", "x"},
                                                                   {"broadcast", "x"},
                                                                   {"stream"},
                                                                   {"stream", "--all"}}) {
    EXPECT_EQ(run(command, file).code, 0) << command[0];
    arguments given = command;
    given.insert(given.end(), {"--timeout", "700ms"});
    outcome refused = run(given, "");
    EXPECT_EQ(refused.code, 3) << command[0] << refused.err;
    EXPECT_TRUE(has(refused.err, "both sides need the --secret-file")) << refused.err;
    refused = run(given, other);
    EXPECT_EQ(refused.code, 3) << command[0] << refused.err;
    EXPECT_TRUE(has(refused.err, "knows none of the secret that was offered")) << refused.err;
  }
  EXPECT_TRUE(
      has(group["a"].itself().err() + group["b"].itself().err(), "handshakes_wrong_secret"));
  EXPECT_TRUE(has(group["a"].itself().err() + group["b"].itself().err(), "handshakes_plain"));
}

TEST_F(secured, streams_carry_every_line) {
  form({"a", "b"});
  std::string lines;
  std::string echoes;
  for (std::size_t i = 0; i < 20'000; ++i) {
    const auto line = fmt::format("{} {}\n", i, std::string(i % 300, 'x'));
    lines += line;
    echoes += group.leader()->name() + ": " + line;
  }
  const outcome done = group.run({"stream", "--secret-file", file}, lines);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_TRUE(done.out == echoes);
}

TEST_F(secured, an_agent_with_another_secret_stays_outside) {
  form({"a", "b"});
  agent& outside =
      group.start("x", {"--secret-file", write("x.secret", new_secret()), "--log-level", "info"});
  ASSERT_TRUE(
      wait_for([&] { return has(outside.itself().err(), "handshakes_wrong_secret"); }, 10s));
  EXPECT_EQ(outside.first("ready"), nullptr);
  group.forget("x");
  EXPECT_TRUE(group.wait_formed(2s));
}

TEST_F(secured, a_plain_agent_says_so) {
  group.start("a");
  ASSERT_TRUE(group.wait_formed());
  const outcome refused = run({"members", "--timeout", "700ms"}, file);
  EXPECT_EQ(refused.code, 3);
  EXPECT_TRUE(has(refused.err, "it speaks plain text: it was started without --secret-file"))
      << refused.err;
}

// With a lease that outlasts what a busy disk does to a renewal.
class secured_lastingly : public secured {
 protected:
  secured_lastingly() : secured("4s") {}
};

// A stream to the leader on which something is said, and heard back, until its end.
class lasting_stream {
 public:
  explicit lasting_stream(client& from) {
    auto opened = from.open_stream();
    EXPECT_TRUE(opened) << opened.error().message();
    if (!opened) return;
    stream_ = *opened;
    talk_ = std::thread([this] { talk(); });
  }
  ~lasting_stream() { stop(); }
  lasting_stream(const lasting_stream&) = delete;
  lasting_stream& operator=(const lasting_stream&) = delete;

  void end() {
    stop();
    stream_.finish();
    const auto how = stream_.wait();
    EXPECT_TRUE(how.outcome) << how.outcome.error().message();
    EXPECT_EQ(how.acknowledged, stream_.written());
    EXPECT_GT(how.acknowledged, 100u);
  }

 private:
  void talk() {
    for (std::size_t i = 0; !over_; ++i) {
      const std::string line = std::to_string(i);
      ASSERT_TRUE(stream_.write(line));
      const auto back = stream_.read();
      ASSERT_TRUE(back) << back.error().message();
      ASSERT_TRUE(*back);
      ASSERT_TRUE(has(**back, line)) << **back;
    }
  }
  void stop() {
    over_ = true;
    if (talk_.joinable()) talk_.join();
  }

  stream stream_;
  std::atomic<bool> over_{false};
  std::thread talk_;
};

// Requests, streams, members and leadership see nothing of it.
TEST_F(secured_lastingly, secrets_roll_without_an_interruption) {
  form({"a", "b", "c"});
  const auto told_before = [&] {
    std::map<std::string, std::size_t> all;
    for (agent* one : group.agents())
      all[one->name()] = one->count();
    return all;
  }();

  client_options with;
  with.store = group.store();
  with.security.secret_file = file;
  auto started = client::start(std::move(with));
  ASSERT_TRUE(started);
  ASSERT_TRUE((*started)->wait_until_connected(5s));
  // For all the time; further ones below, each under the secret of its own time.
  lasting_stream lasting(**started);
  std::atomic<bool> over{false};
  std::atomic<int> sent{0};
  std::atomic<int> failed{0};
  std::string first_failure;
  std::vector<std::thread> callers;
  callers.reserve(4);
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&, i] {
      while (!over) {
        const auto answer = (*started)->send("x", 5s);
        ++sent;
        if (!answer && failed++ == 0 && i >= 0) first_failure = answer.error().message();
      }
    });
  }
  const auto at_least = [&](int more) {
    const int from = sent;
    return wait_for([&] { return sent > from + more; }, 10s);
  };
  EXPECT_TRUE(at_least(100));
  const std::string next = new_secret();
  for (const std::string& content :
       {secret + "\n" + next + "\n", next + "\n" + secret + "\n", next + "\n"}) {
    write("group.secret", content);
    hang_up();
    EXPECT_TRUE(at_least(100));
    outcome brief = group.run({"stream", "--secret-file", file}, "a line\n");
    EXPECT_EQ(brief.code, 0) << brief.err;
  }
  // What was made under the old secret is replaced within seconds; the view lasts.
  EXPECT_EQ(run({"send", "x"}, write("old.secret", secret)).code, 3);
  const auto end = std::chrono::steady_clock::now() + 5s;
  EXPECT_TRUE(wait_for([&] { return std::chrono::steady_clock::now() > end; }, 10s));
  over = true;
  for (auto& each : callers)
    each.join();
  lasting.end();
  EXPECT_EQ(failed, 0) << first_failure;
  EXPECT_EQ(run({"send", "x"}, file).code, 0);
  for (agent* one : group.agents()) {
    for (const char* kind : {"view", "leadership", "leader", "evicted"})
      EXPECT_EQ(one->first(kind, agent::any, told_before.at(one->name())), nullptr)
          << one->name() << " was told of a " << kind;
  }
}

TEST_F(secured, a_bad_file_is_named_and_changes_nothing) {
  form({"a"});
  write("group.secret", "open sesame\n");
  agent& a = group["a"];
  ASSERT_TRUE(wait_for([&] { return has(a.itself().err(), "going on with"); }, 5s));
  EXPECT_TRUE(has(a.itself().err(), "group.secret: line 1 does not begin with"));
  a.itself().signal(SIGHUP);
  ASSERT_TRUE(wait_for([&] { return has(a.itself().err(), "hedgerow: "); }, 5s));
  EXPECT_FALSE(has(a.itself().err(), "sesame"));
  EXPECT_EQ(run({"leader"}, write("same.secret", secret)).code, 0);
}

TEST_F(secured, secrets_are_not_seen) {
  form({"a", "b"});
  EXPECT_EQ(run({"send", "a payload"}, file).code, 0);
  const std::string heart = secret.substr(secret.find(':') + 1);
  for (agent* one : group.agents()) {
    const std::string process = "/proc/" + std::to_string(one->itself().pid());
    EXPECT_FALSE(has(text_in(process + "/cmdline"), heart));
    EXPECT_FALSE(has(text_in(process + "/environ"), heart));
    EXPECT_FALSE(has(one->itself().err(), heart));
    EXPECT_FALSE(has(one->itself().err(), "a payload"));
    EXPECT_FALSE(has(one->itself().out(), heart));
  }
}

// The trap: to some clients with a pre-shared key, any certificate will do.
TEST_F(secured, an_impostor_with_a_certificate_gets_no_byte) {
  const std::string key = group.folder() / "key.pem";
  const std::string cert = group.folder() / "cert.pem";
  const outcome made = run_program({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=a",
                                    "-keyout", key, "-out", cert});
  ASSERT_EQ(made.code, 0) << made.err;
  process_setup setup;
  // It ends with its stdin.
  setup.arguments = {
      "/bin/sh", "-c",
      "tail -f /dev/null | openssl s_server -accept 127.0.0.1:0 -naccept 100 -cert " + cert +
          " -key " + key};
  process server(std::move(setup));
  std::string port;
  ASSERT_TRUE(wait_for(
      [&] {
        const std::string out = server.out();
        const auto at = out.find("ACCEPT 127.0.0.1:");
        const auto end = out.find('\n', at);
        if (at == out.npos || end == out.npos) return false;
        port = out.substr(at + 17, end - at - 17);
        return true;
      },
      10s))
      << server.out() << server.err();
  const outcome sent = run({"send", "the payload", "--group", "hidden", "--agent",
                            "127.0.0.1:" + port, "--timeout", "1s"},
                           file);
  EXPECT_EQ(sent.code, 3);
  EXPECT_TRUE(has(sent.err, "showed a certificate instead of using the secret")) << sent.err;
  EXPECT_TRUE(wait_for([&] { return has(server.out() + server.err(), "alert"); }, 5s));
  EXPECT_FALSE(has(server.out(), "the payload"));
  EXPECT_FALSE(has(server.out(), "hidden")) << "the group's name, of a hello";
}

TEST_F(secured, options_that_do_not_go_together_are_refused) {
  const auto refused = [&](const arguments& more, const std::string& words) {
    arguments given{"agent", "--name", "x", "--store", group.store()};
    given.insert(given.end(), more.begin(), more.end());
    const outcome ended = run_command(given);
    EXPECT_EQ(ended.code, 1);
    EXPECT_TRUE(has(ended.err, words)) << ended.err;
  };
  refused({"--secret-file", file, "--insecure"}, "--insecure is plain text");
  refused({"--secret-file", file, "--tls-cert", "x"}, "exclude each other");
  refused({"--tls-cert", "x", "--tls-ca", "x"}, "--tls-key is missing");
  refused({"--secret-file", "/nowhere"}, "cannot read the secret /nowhere");
  refused({"--secret-file", write("short", "hedgerow-secret-1:YWFhYQ==")},
          "a secret has at least 32");
}

TEST_F(secured, insecure_says_what_it_means) {
  group.start("a", {"--insecure", "--log-level", "warning"});
  ASSERT_TRUE(group.wait_formed());
  EXPECT_TRUE(has(group["a"].itself().err(), "insecure: connections are plain text"));
}

TEST(secured_network, needs_no_insecure_with_a_secret) {
  network net{3};
  ASSERT_TRUE(net.ready());
  cluster group;
  const std::string file = group.folder() / "group.secret";
  std::ofstream(file) << new_secret();
  for (int i = 0; i < 3; ++i) {
    const std::string name(1, static_cast<char>('a' + i));
    process_setup with =
        group.agent_setup(name, {"--secret-file", file, "--listen", net.address(i) + ":0"});
    with.network_namespace = net.host(i);
    group.start_with(name, std::move(with));
  }
  EXPECT_TRUE(group.wait_formed()) << group.told();
}

}  // namespace
}  // namespace hedgerow::system_test
