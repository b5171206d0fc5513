// Golden scripts of the lease core, in testdata/*.txt: commands, `----`, what the core then asked
// for, an empty line. Lines that begin with `#` are remarks.
//
//   HEDGEROW_REWRITE=1 ctest -R lease_scripts
//
// writes what happens now into the files; the change is for a person to read and to judge.
//
// Commands; times count from the start of the script, the row obeys the contract of ports/store.h:
//   start                the core's first words; it was born before the script
//   tick +D              time goes on by D, then the core looks at it
//   wake                 time goes on to the wake-up that the core wants
//   reply                the store executes the oldest open statement and answers
//   reply failed|unknown it answers so and has executed nothing
//   lose                 it executes the statement, the answer is lost
//   row TOKEN +D         somebody else holds TOKEN until D from now
//   row released|deleted
//   epoch E              the store has another epoch
//   clock STATUS         synchronized, free_running, unknown, disrupted
//   hint N               where tokens should be by now
//   news TOKEN +D, released TOKEN, gone    what the mesh says of the holder
//   rank N, stand_back, resign, reincarnate
//   on_demand            first of all: the lease of a lock
//   want, unwant, look

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "core/lease/lease_stand.h"

namespace hedgerow::core {
namespace {

std::string in_time(nanoseconds t) {
  const auto us = std::chrono::duration_cast<microseconds>(t).count();
  std::string text = std::to_string(us / 1000);
  if (us % 1000 != 0) {
    const auto rest = std::to_string(1000 + std::abs(us % 1000));
    text += "." + rest.substr(1);
  }
  return (us < 0 && us > -1000 ? "-" : "") + text + "ms";
}

nanoseconds duration_of(const std::string& text) {
  std::size_t end = 0;
  const auto count = std::stoll(text, &end);
  const std::string unit = text.substr(end);
  if (unit == "s") return seconds{count};
  if (unit == "ms") return milliseconds{count};
  if (unit == "us") return microseconds{count};
  throw std::invalid_argument("not a duration: " + text);
}

clock_status status_of(const std::string& text) {
  if (text == "synchronized") return clock_status::synchronized;
  if (text == "free_running") return clock_status::free_running;
  if (text == "disrupted") return clock_status::disrupted;
  if (text == "unknown") return clock_status::unknown;
  throw std::invalid_argument("not a clock status: " + text);
}

class player {
 public:
  // The effects of one command.
  std::string play(const std::string& line) {
    stand_.notes.clear();
    std::istringstream words(line);
    std::string command;
    std::string first;
    std::string second;
    words >> command >> first >> second;
    const auto before = stand_.now;
    stand_.out.clear();
    run(command, first, second);
    std::string text;
    if (command == "wake" && stand_.now.boot != before.boot)
      text = "(" + in_time(stand_.now.boot - before.boot) + " later)\n";
    return text + told();
  }
  std::string state() const {
    std::string text = "= ";
    if (stand_.core.held_token() == 0) {
      text += stand_.core.idle() ? "idle" : "holds nothing";
    } else {
      text += "holds " + std::to_string(stand_.core.held_token()) + " until " +
              in_time(stand_.since_start(stand_.core.expires())) +
              (stand_.acts() ? ", acts" : ", does not act");
    }
    const auto at = stand_.core.next_wake(stand_.now);
    text += at == boot_time::never() ? ", sleeps" : ", wakes in " + in_time(at - stand_.now.boot);
    return text + "\n";
  }

 private:
  void run(const std::string& command, const std::string& first, const std::string& second);
  void change_row(const std::string& first, const std::string& second);
  std::string told() const;
  std::string describe(const lease_effect::submit& s) const;

  lease_stand stand_;
  lease_effects born_ = stand_.out;
  std::uint64_t lives_ = 1;
};

void player::run(const std::string& command, const std::string& first, const std::string& second) {
  auto& s = stand_;
  if (command == "start") {
    s.out = born_;
  } else if (command == "tick") {
    s.tick(duration_of(first));
  } else if (command == "wake") {
    if (!s.wake()) throw std::runtime_error("no wake-up is wanted");
  } else if (command == "reply" || command == "lose") {
    if (s.open.empty()) throw std::runtime_error("no statement is open");
    if (command == "lose") {
      s.lose_reply();
    } else if (first.empty()) {
      s.reply();
    } else {
      s.fail(first == "failed" ? ports::store_outcome::failed : ports::store_outcome::unknown);
    }
  } else if (command == "row") {
    change_row(first, second);
  } else if (command == "epoch") {
    s.epoch = first;
  } else if (command == "clock") {
    s.now.truth.status = status_of(first);
    s.tick();
  } else if (command == "hint") {
    s.now.truth.token_hint = std::stoll(first);
  } else if (command == "news") {
    const auto left = std::chrono::duration_cast<microseconds>(duration_of(second));
    s.act([&] { s.core.on_news(s.now, std::stoll(first), s.now.truth.latest + left, s.out); });
  } else if (command == "released") {
    s.act([&] { s.core.on_released(s.now, std::stoll(first), s.out); });
  } else if (command == "gone") {
    s.act([&] { s.core.on_holder_gone(s.now, s.out); });
  } else if (command == "rank") {
    s.core.set_rank(static_cast<unsigned>(std::stoul(first)));
  } else if (command == "stand_back") {
    s.act([&] { s.core.stand_back(s.now, "told to", s.out); });
  } else if (command == "resign") {
    s.act([&] { s.core.resign(s.now, s.out); });
  } else if (command == "reincarnate") {
    s.act([&] { s.core.reincarnate(s.now, incarnation{1, ++lives_}, s.out); });
  } else if (command == "on_demand") {
    s = lease_stand({.poll_period = milliseconds{750}, .on_demand = true});
  } else if (command == "want" || command == "unwant") {
    s.act([&] { s.core.want(s.now, command == "want", s.out); });
  } else if (command == "look") {
    s.act([&] { s.core.look(s.now, s.out); });
  } else {
    throw std::invalid_argument("not a command: " + command);
  }
}

void player::change_row(const std::string& first, const std::string& second) {
  if (first == "deleted") {
    stand_.row.reset();
  } else if (first == "released") {
    stand_.row.value().released = true;
  } else {
    const auto left = std::chrono::duration_cast<microseconds>(duration_of(second));
    stand_.other_holds(std::stoll(first), left);
  }
}

std::string player::describe(const lease_effect::submit& s) const {
  using ports::lease_action;
  const auto& row = s.request.row;
  const std::string token = " token " + std::to_string(row.token);
  const std::string until = " until " + in_time(stand_.since_start(row.expires));
  switch (s.request.action) {
    case lease_action::read:
      return "read";
    case lease_action::create:
      return "create" + token + ", epoch " + row.epoch;
    case lease_action::acquire:
      return "acquire from " + std::to_string(s.request.observed) + token + until + ", epoch " +
             row.epoch + (s.request.waited ? ", waited" : "") +
             (stand_.row && stand_.row->version == 0
                  ? ", safe after " + in_time(stand_.since_start(row.safe_after))
                  : "");
    case lease_action::renew:
      return "renew" + token + until + ", epoch " + row.epoch;
    case lease_action::release:
      return "release" + token;
    case lease_action::repin:
      return "repin" + token + until + ", epoch " + row.epoch + ", version " +
             std::to_string(row.version);
  }
  return "?";
}

template <class... F>
struct overloaded : F... {
  using F::operator()...;
};
template <class... F>
overloaded(F...) -> overloaded<F...>;

std::string player::told() const {
  std::string text;
  for (const auto& effect : stand_.out) {
    text += std::visit(
        overloaded{
            [&](const lease_effect::submit& e) { return "submit: " + describe(e); },
            [](const lease_effect::gained& e) { return "gained " + std::to_string(e.token); },
            [](const lease_effect::suspended& e) { return "suspended " + std::to_string(e.token); },
            [](const lease_effect::lost& e) {
              return "lost " + std::to_string(e.token) + ": " + e.why;
            },
            [](const lease_effect::released& e) { return "released " + std::to_string(e.token); },
            [](const lease_effect::waiting& e) {
              return "waiting " + in_time(e.how_long) + ": " + e.why;
            },
            [](const lease_effect::refused& e) { return "refused: " + e.why; },
            [](const lease_effect::store_status& e) {
              return std::string("store ") + (e.available ? "available" : "away: " + e.text);
            }},
        effect);
    text += "\n";
  }
  return text;
}

// The script with what happened now in the place of what is written there.
std::string replay(const std::string& script) {
  player p;
  std::string text;
  std::string effects;
  std::istringstream lines(script);
  bool in_output = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) {
      in_output = false;
      text += "\n";
    } else if (in_output) {
      continue;
    } else if (line == "----") {
      in_output = true;
      text += line + "\n" + effects + p.state();
      effects.clear();
    } else {
      text += line + "\n";
      if (line.front() == '#') continue;
      effects += p.play(line);
    }
  }
  return text;
}

std::filesystem::path folder() {
  return std::filesystem::path(__FILE__).parent_path() / "testdata";
}

std::vector<std::string> scripts() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder()))
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class lease_scripts : public ::testing::TestWithParam<std::string> {};

TEST_P(lease_scripts, go_as_written) {
  const auto path = folder() / (GetParam() + ".txt");
  std::stringstream written;
  written << std::ifstream(path).rdbuf();
  const std::string now = replay(written.str());
  EXPECT_NE(now.find("----"), std::string::npos) << "the script has no commands";
  if (std::getenv("HEDGEROW_REWRITE") != nullptr) {
    std::ofstream(path) << now;
    return;
  }
  EXPECT_EQ(now, written.str());
}

INSTANTIATE_TEST_SUITE_P(testdata, lease_scripts, ::testing::ValuesIn(scripts()),
                         [](const auto& param) { return param.param; });

}  // namespace
}  // namespace hedgerow::core
