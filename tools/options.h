#pragma once
// The options of every command, and the environment variables that stand for them.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <CLI/App.hpp>
#include <hedgerow/options.h>

namespace hedgerow::tools {

// What every command accepts.
struct shared_options {
  std::string group = "default";
  std::string store;  // empty: the default file
  std::string agent;  // empty: found through the store
  std::chrono::milliseconds lease{3000};
  std::chrono::milliseconds timeout{5000};
  security_options security;
  bool insecure = false;
  bool json = false;
  std::string log_level = "warning";
};

struct lock_settings {
  std::string name;
  std::vector<std::string> command;
  std::optional<std::chrono::milliseconds> wait;  // zero: now or not at all; nothing: for ever
  std::string store;
  std::string clock;
  std::chrono::milliseconds lease{3000};
  bool json = false;
  std::string log_level = "warning";
};

struct stream_settings {
  bool all = false;
  std::map<std::string, std::string> metadata;
  std::chrono::milliseconds deadline{0};  // 0 is none, as of the next
  std::chrono::milliseconds idle_timeout{0};
  std::size_t line_bytes_max = client_options{}.payload_bytes_max;
  std::size_t buffer_bytes_max = 4 * 1024 * 1024;
};

struct agent_settings {
  std::optional<std::string> name;  // the host's name unless given
  std::string clock;                // empty: by the store
  std::string listen = "127.0.0.1:0";
  std::string advertise;  // empty: see options::advertise
  std::string on_send;
  std::string on_broadcast;
  std::string on_stream;
  std::string on_broadcast_stream;
  std::map<std::string, std::string> tags;
  std::string zone;
  unsigned handlers = 8;
  unsigned stream_handlers = 64;
};

// Each option may also come from the environment variable HEDGEROW_<NAME>; the command line wins,
// and on it the last of several. A value that can't be understood ends the parse with
// CLI::ValidationError, whose text says what to write instead. All objects must outlive the parse.
void add_shared_options(CLI::App& command, shared_options& into);
// Those of them that a command needs which talks to nobody.
void add_brief_options(CLI::App& command, shared_options& into);
// How many of the words of a command line are for hedgerow: all, but of `lock` only those before
// the first --. What is behind it is COMMAND, whatever it looks like.
int count_own_words(int argc, const char* const* argv);
// All of `hedgerow lock`, which shares only some with the others, but for COMMAND, which is in
// `into` before: CLI11 would take words like [a,b] apart. In words for hedgerow it is refused.
void add_lock_options(CLI::App& command, lock_settings& into);
void add_agent_options(CLI::App& command, agent_settings& into);
void add_stream_options(CLI::App& command, stream_settings& into);
void add_clock_option(CLI::App& command, std::string& into, const std::string& what);

}  // namespace hedgerow::tools
