#pragma once
// What one life of a worker saw and did, for the checker: JSON Lines, docs/chaos.md has the words.

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace hedgerow::chaos {

using json = nlohmann::ordered_json;

// Microseconds of CLOCK_MONOTONIC: one kernel, so one time for all hosts, which nothing shifts.
std::int64_t true_us();

// A file to which each line goes by one write(2) at its end, so that a killed process leaves whole
// lines. Thread-safe.
class append_file {
 public:
  // Exits with words on stderr if the file can't be opened: without it a worker proves nothing.
  explicit append_file(const std::string& path);
  ~append_file();
  append_file(const append_file&) = delete;
  append_file& operator=(const append_file&) = delete;

  // With the newline. A line that can't be written ends the process: a gap would look like peace.
  void write(std::string_view line) const;

 private:
  std::string path_;
  int fd_;
};

class history {
 public:
  explicit history(const std::string& path) : file_(path) {}

  void add(const json& event) const { file_.write(event.dump() + "\n"); }
  // {"e":word,"t":now}
  void note(std::string_view word) const { add(json{{"e", word}, {"t", true_us()}}); }

 private:
  append_file file_;
};

}  // namespace hedgerow::chaos
