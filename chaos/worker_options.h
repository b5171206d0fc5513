#pragma once
// How a worker is started.

#include <chrono>
#include <string>

#include <hedgerow/options.h>

namespace hedgerow::chaos {

using std::chrono::milliseconds;

// A user who does what the docs tell nobody to do; for the controls, which the checker must catch.
enum class flaw {
  none,
  remembers,   // acts for a lease upon one look at leadership()
  unfenced,    // writes to the counter without the fence, under a token read a while ago
  optimistic,  // reports what is unknown as not executed
};

// How long between two of each, for one worker.
struct rates {
  milliseconds act{1};
  milliseconds counter{50};
  milliseconds send{50};
  milliseconds broadcast{500};
  milliseconds stream{100};  // between two messages of a stream
};

struct worker_options {
  options node;         // without handlers
  int life = 1;         // how often this name was started
  std::string history;  // files
  std::string acts;     // empty: none
  std::string counter;  // URL of the counter's database
  rates every;
  flaw broken = flaw::none;
};

// Ends the process for --help and for bad arguments.
worker_options parse_options(int argc, char** argv);

}  // namespace hedgerow::chaos
