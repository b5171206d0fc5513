#pragma once
// Agents of one group on this machine, in a folder of their own.

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/system/harness/agent.h"

namespace hedgerow::system_test {

// What one run of the command came to.
struct outcome {
  int code = -1;  // -1: it hung
  std::string out;
  std::string err;

  json object() const { return json::parse(out); }
};

using arguments = std::vector<std::string>;

// For a store that other machines could reach: all agents of a test share one wall clock, so that
// any error of it is bounded.
inline const arguments same_clock{"--clock", "declared:5ms"};

// A run of a program to its end; the first argument is its path or its name.
outcome run_program(const arguments& all);
outcome run_program(process_setup with);
// A run of the command to its end.
outcome run_command(const arguments& given, std::optional<std::string> input = {},
                    const std::map<std::string, std::string>& environment = {});

class cluster {
 public:
  // `store` is a URL; without one, a SQLite file in the cluster's folder. `more` goes to every
  // agent.
  explicit cluster(std::string lease = "1s", std::string store = {}, arguments more = {});
  ~cluster();
  cluster(const cluster&) = delete;
  cluster& operator=(const cluster&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  std::string store() const { return store_.empty() ? (folder_ / "hedgerow.db").native() : store_; }

  agent& start(const std::string& name, const arguments& more = {});
  // As start, with a chance to change how.
  agent& start_with(const std::string& name, process_setup with);
  process_setup agent_setup(const std::string& name, const arguments& more = {}) const;
  agent& watch();
  agent& operator[](const std::string& name) { return *agents_.at(name); }

  // Stops to count on an agent: it is left out of the following.
  void forget(const std::string& name);
  void kill(const std::string& name);

  // SIGSTOP, at a moment at which it holds no lock on the store: else nobody could write. SQLite.
  void freeze(agent& victim);

  // True once all agents hold one and the same view of exactly themselves, and one of them leads.
  bool wait_formed(milliseconds patience = milliseconds{15'000});
  // The one that leads; null if none does, or more than one.
  agent* leader();
  agent* some_follower();
  std::vector<agent*> agents();
  std::vector<agent*> everybody();  // also who was forgotten, and who watches
  std::string told();               // everything, for a failed test

  // `hedgerow ARGUMENTS --store ...`.
  outcome run(const arguments& given, std::optional<std::string> input = {}) const;

 private:
  std::filesystem::path folder_;
  std::string lease_;
  std::string store_;
  arguments more_;
  std::map<std::string, std::unique_ptr<agent>> agents_;
  std::vector<std::unique_ptr<agent>> others_;
};

}  // namespace hedgerow::system_test
