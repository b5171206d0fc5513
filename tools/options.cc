#include "tools/options.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tools/durations.h"
#include "tools/logging.h"

namespace hedgerow::tools {
namespace {

using std::chrono::milliseconds;

// "--on-send" -> "HEDGEROW_ON_SEND"
std::string variable_of(std::string_view option) {
  std::string name = "HEDGEROW_";
  for (const char c : option.substr(2)) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

CLI::Option* from_environment(CLI::Option* option) {
  return option->envname(variable_of("--" + option->get_lnames().front()))->take_last();
}

CLI::Option* add_text(CLI::App& command, const std::string& name, std::string& into,
                      const std::string& type, const std::string& what) {
  return from_environment(command.add_option(name, into, what)->type_name(type));
}

void add_duration(CLI::App& command, const std::string& name, std::chrono::milliseconds& into,
                  const std::string& what) {
  const auto read = [&into, name](const std::string& text) {
    const auto value = parse_duration(text);
    if (!value) throw CLI::ValidationError(name, value.error().message());
    if (value->count() == 0) throw CLI::ValidationError(name, "must be longer than nothing");
    into = *value;
  };
  from_environment(command.add_option_function<std::string>(name, read, what)
                       ->type_name("DURATION")
                       ->default_str(to_string(into)));
}

std::string check_host_and_port(const std::string& text) {
  const auto colon = text.rfind(':');
  const std::string port = colon == text.npos ? "" : text.substr(colon + 1);
  unsigned number = 65536;
  const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
  const bool valid = colon != 0 && !port.empty() && failure == std::errc{} &&
                     end == port.data() + port.size() && number <= 65535;
  if (valid) return {};
  return fmt::format("'{}' is not HOST:PORT; write it like 127.0.0.1:7000", text);
}

// Throws what CLI11 reports as a usage error.
void add_pair(const std::string& option, std::map<std::string, std::string>& into,
              const std::string& text) {
  const auto equals = text.find('=');
  if (equals == 0 || equals == text.npos)
    throw CLI::ValidationError(option, fmt::format("'{}' is not KEY=VALUE", text));
  if (!into.emplace(text.substr(0, equals), text.substr(equals + 1)).second)
    throw CLI::ValidationError(option,
                               fmt::format("two values for the key '{}'", text.substr(0, equals)));
}

// By hand: CLI11 would split the pairs of the command line at commas, too.
void add_pairs_from_environment(const std::string& option,
                                std::map<std::string, std::string>& into) {
  const char* const text =
      std::getenv(variable_of(option).c_str());  // NOLINT(concurrency-mt-unsafe): no threads yet
  if (text == nullptr || *text == '\0') return;
  std::string_view rest{text};
  for (;;) {
    const auto comma = rest.find(',');
    add_pair(option, into, std::string(rest.substr(0, comma)));
    if (comma == rest.npos) return;
    rest.remove_prefix(comma + 1);
  }
}

// Repeatable; what the command line has none of may come from the environment.
void add_pairs(CLI::App& command, const std::string& option,
               std::map<std::string, std::string>& into, const std::string& what) {
  command
      .add_option_function<std::vector<std::string>>(
          option,
          [option, &into](const std::vector<std::string>& all) {
            for (const std::string& text : all)
              add_pair(option, into, text);
          },
          fmt::format("{}; repeat it for more\n(Env:{}, with commas between)", what,
                      variable_of(option)))
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->allow_extra_args(false)  // or [a=1,b=2] would be two pairs
      ->take_all();
  command.callback([option, &into] {
    if (into.empty()) add_pairs_from_environment(option, into);
  });
}

void add_size(CLI::App& command, const std::string& name, std::size_t& into, std::size_t max,
              const std::string& what) {
  from_environment(command.add_option(name, into, what)
                       ->type_name("BYTES")
                       ->capture_default_str()
                       ->check(CLI::Range(std::size_t{1}, max).description("")));
}

void add_log_level(CLI::App& command, std::string& into) {
  const auto& levels = log_levels();
  add_text(command, "--log-level", into, "LEVEL",
           fmt::format("What goes to stderr: {}", fmt::join(levels, ", ")))
      ->capture_default_str()
      ->check([&levels](const std::string& text) {
        if (std::find(levels.begin(), levels.end(), text) != levels.end()) return std::string{};
        return fmt::format("'{}' is not one of: {}", text, fmt::join(levels, ", "));
      });
}

void add_security(CLI::App& command, security_options& into) {
  add_text(command, "--secret-file", into.secret_file, "FILE",
           "The group's secret: encrypts, and keeps out who does not have it.\n"
           "Make one with `hedgerow secret new`");
  add_text(command, "--tls-cert", into.tls_cert, "FILE",
           "Instead of a secret: this member's certificate, in PEM; its DNS\n"
           "names hold the member's name");
  add_text(command, "--tls-key", into.tls_key, "FILE", "The certificate's private key, in PEM");
  add_text(command, "--tls-ca", into.tls_ca, "FILE",
           "The CA that signs the certificates of all others, in PEM");
}

constexpr const char* clock_choices =
    "Where leases get true time from: machine, auto, clockbound[:PATH],\n"
    "chrony[:HOST:PORT] or declared:5ms\n"
    "(default: machine; with PostgreSQL auto: ClockBound, else chrony)";

}  // namespace

void add_brief_options(CLI::App& command, shared_options& into) {
  add_duration(command, "--timeout", into.timeout,
               "How long to try: 500ms, 3s, 2m; a bare number is seconds");
  from_environment(command.add_flag("--json", into.json, "For programs: JSON on stdout"));
  add_log_level(command, into.log_level);
}

void add_shared_options(CLI::App& command, shared_options& into) {
  add_text(command, "--group", into.group, "NAME", "The group")->capture_default_str();
  add_text(command, "--store", into.store, "FILE|URL",
           "Where the group keeps its rows: a path, sqlite:///path, or\n"
           "postgres://user@host[,host]/database (default: hedgerow.db in\n"
           "the user's state directory)");
  add_text(
      command, "--agent", into.agent, "HOST:PORT",
      "For all but agents: the agent to talk to, instead of one that is\nfound through the store")
      ->check(check_host_and_port);
  add_duration(command, "--lease", into.lease,
               "For agents: how long a silent leader keeps its lease, 100ms to 1h");
  add_security(command, into.security);
  from_environment(command.add_flag(
      "--insecure", into.insecure,
      "Allow plain text beyond loopback: everybody on the network can\nread and write it"));
  add_brief_options(command, into);
}

void add_clock_option(CLI::App& command, std::string& into, const std::string& what) {
  add_text(command, "--clock", into, "CLOCK", what);
}

int count_own_words(int argc, const char* const* argv) {
  if (argc < 2 || std::strcmp(argv[1], "lock") != 0) return argc;
  const auto dashes = std::find_if(argv, argv + argc,
                                   [](const char* word) { return std::strcmp(word, "--") == 0; });
  return static_cast<int>(dashes - argv);
}

void add_lock_options(CLI::App& command, lock_settings& into) {
  command.add_option("NAME", into.name, "The lock; who uses the same name competes")
      ->type_name("")
      ->required();
  const CLI::Option* const misplaced = command.add_option("COMMAND", "What to run, after --")
                                           ->type_name("")
                                           ->required(into.command.empty())
                                           ->expected(1, -1)
                                           ->allow_extra_args();
  const auto read_wait = [&into](const std::string& text) {
    const auto value = parse_duration(text);
    if (!value) throw CLI::ValidationError("--wait", value.error().message());
    into.wait = *value;
  };
  from_environment(
      command
          .add_option_function<std::string>(
              "--wait", read_wait, "How long to wait for the lock, 0 not at all. Default: for ever")
          ->type_name("DURATION"));
  add_duration(command, "--lease", into.lease,
               "How long a holder that is gone keeps others out, 100ms to 1h.\n"
               "The first user of a lock fixes its longest");
  add_text(command, "--store", into.store, "FILE|URL",
           "Where the lock keeps its row: a path, sqlite:///path, or\n"
           "postgres://user@host[,host]/database (default: hedgerow.db in\n"
           "the user's state directory)");
  add_clock_option(command, into.clock, clock_choices);
  from_environment(
      command.add_flag("--json", into.json, "For programs: a last line of JSON on stderr"));
  add_log_level(command, into.log_level);
  // An option of COMMAND must not be taken for one of ours.
  command.final_callback([misplaced] {
    if (misplaced->count() != 0)
      throw CLI::ValidationError("COMMAND", "write -- before it: hedgerow lock NAME -- COMMAND...");
  });
}

void add_agent_options(CLI::App& command, agent_settings& into) {
  from_environment(command
                       .add_option_function<std::string>(
                           "--name", [&into](const std::string& text) { into.name = text; },
                           "Unique in the group. Default: the host's name")
                       ->type_name("NAME"));
  add_clock_option(command, into.clock, clock_choices);
  add_text(command, "--listen", into.listen, "HOST:PORT",
           "Where to listen; port 0 lets the system choose. 0.0.0.0 is every\n"
           "IPv4 address, [::] every address; beyond loopback give\n--secret-file")
      ->capture_default_str()
      ->check(check_host_and_port);
  add_text(command, "--advertise", into.advertise, "HOST[:PORT]",
           "What others dial. Default: where it listens; for 0.0.0.0 and [::]\n"
           "the address of this machine on the way to the database");
  add_text(command, "--on-send", into.on_send, "CMD",
           "Run by /bin/sh for each message to the leader, while this agent leads");
  add_text(command, "--on-broadcast", into.on_broadcast, "CMD",
           "Run by /bin/sh for each broadcast");
  add_text(command, "--on-stream", into.on_stream, "CMD",
           "Run by /bin/sh for each stream to the leader, while this agent leads");
  add_text(command, "--on-broadcast-stream", into.on_broadcast_stream, "CMD",
           "Run by /bin/sh for each stream to all members");
  add_text(command, "--zone", into.zone, "NAME", "Where it runs, shown in the member list");
  add_pairs(command, "--tag", into.tags, "Shown in the member list");
  from_environment(
      command.add_option("--handlers", into.handlers, "How many CMDs may run at once, 1 to 256")
          ->type_name("N")
          ->capture_default_str()
          ->check(CLI::Range(1u, 256u).description("")));
  from_environment(command
                       .add_option("--stream-handlers", into.stream_handlers,
                                   "How many streams may be handled at once, 1 to 4096;\n"
                                   "further ones are refused")
                       ->type_name("N")
                       ->capture_default_str()
                       ->check(CLI::Range(1u, 4096u).description("")));
}

void add_stream_options(CLI::App& command, stream_settings& into) {
  from_environment(command.add_flag("--all", into.all,
                                    "To every member of the present view, a stream each, instead\n"
                                    "of the leader"));
  add_pairs(command, "--meta", into.metadata, "For the handlers, with the stream");
  const auto add_limit = [&command](const std::string& name, milliseconds& limit,
                                    const std::string& what) {
    const auto read = [&limit, name](const std::string& text) {
      const auto value = parse_duration(text);
      if (!value) throw CLI::ValidationError(name, value.error().message());
      limit = *value;
    };
    from_environment(
        command.add_option_function<std::string>(name, read, what)->type_name("DURATION"));
  };
  add_limit("--deadline", into.deadline, "When it must have ended. Default, and 0: no limit");
  add_limit("--idle-timeout", into.idle_timeout,
            "Ends a stream on which nothing has moved for so long.\nDefault, and 0: no limit");
  add_size(command, "--max-line", into.line_bytes_max, client_options{}.payload_bytes_max,
           "The longest line that is taken; agents take 4 MiB");
  add_size(command, "--buffer", into.buffer_bytes_max, std::size_t{1} << 30,
           "With --all: how much may wait for a slower member");
}

}  // namespace hedgerow::tools
