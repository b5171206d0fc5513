// The `hedgerow` command.

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <hedgerow/store.h>
#include <unistd.h>

#include "tools/commands.h"
#include "tools/exit_codes.h"
#include "tools/signals.h"
#include "tools/text.h"

namespace {

using namespace hedgerow::tools;

// Everything that a command line can set.
struct command_line {
  // Of each command: an option's environment variable is read for all of them, and must not come
  // between a command and what it was told.
  std::map<std::string, shared_options> shared;
  agent_settings agent;
  stream_settings stream;
  bool from_store = false;
  std::string clock = "auto";
  std::optional<std::string> text;
  std::string role;
  lock_settings lock;
  std::string topic;
};

constexpr const char* overview =
    "Example, in three terminals:\n"
    "  hedgerow agent --name a\n"
    "  hedgerow agent --name b\n"
    "  hedgerow members; hedgerow send hello\n\n"
    "Every option may also come from the environment: --log-level from HEDGEROW_LOG_LEVEL.\n"
    "The command line wins.\n\n";

CLI::App& add_command(CLI::App& app, command_line& line, const std::string& name,
                      const std::string& what, const std::string& more) {
  CLI::App& command = *app.add_subcommand(name, what);
  add_shared_options(command, line.shared[name]);
  command.footer(more + "\n" + exit_codes_text);
  return command;
}

void add_text(CLI::App& command, command_line& line) {
  command
      .add_option_function<std::string>(
          "TEXT", [&line](const std::string& text) { line.text = text; },
          "The message; - or nothing reads it from stdin, byte for byte")
      ->type_name("");
}

void add_store_commands(CLI::App& app, command_line& line) {
  CLI::App& store = *app.add_subcommand("store", "What operators of the store need");
  store.require_subcommand(1);
  store.footer("");  // not that of `hedgerow` itself
  CLI::App& sql = *store.add_subcommand("sql", "Print what a DBA runs once in PostgreSQL");
  sql.add_option("--role", line.role, "The role of the agents, for the grants")
      ->type_name("NAME")
      ->envname("HEDGEROW_ROLE");
  sql.footer(
      "Needed where the agents' role may not create tables itself, which in PostgreSQL 15\n"
      "and later is so for every ordinary role in the schema public. Changes nothing where\n"
      "the tables are there already.\n\n"
      "Example:\n  hedgerow store sql --role app | psql -U owner mydatabase\n");
}

void add_secret_commands(CLI::App& app) {
  CLI::App& secret = *app.add_subcommand("secret", "Make the secret of a group");
  secret.require_subcommand(1);
  secret.footer("");
  CLI::App& fresh = *secret.add_subcommand("new", "Print a new secret, for --secret-file");
  fresh.footer(
      "32 random bytes as a line of text. Give the same file to every agent and command of\n"
      "the group, readable for nobody else.\n\n"
      "To replace a secret without an interruption, on all machines each time: append the new\n"
      "line to the file; make it the first line; remove the old one. Files are read again\n"
      "when they change, and on SIGHUP.\n\n"
      "Example:\n"
      "  (umask 077; hedgerow secret new > group.secret)\n"
      "  hedgerow agent --secret-file group.secret --listen 0.0.0.0:7400\n");
}

void add_lock(CLI::App& app, lock_settings& into) {
  CLI::App& command =
      *app.add_subcommand("lock", "Run a command while holding a lock; no group is needed");
  add_lock_options(command, into);
  command.footer(
      "COMMAND is executed as it is, without a shell, with HEDGEROW_LOCK and HEDGEROW_TOKEN\n"
      "in its environment. SIGINT, SIGTERM and SIGHUP are forwarded to its process group,\n"
      "which is killed when COMMAND ends. Should the lease run out, because the store is\n"
      "away, the clock is not trusted, or hedgerow itself is killed or stopped, COMMAND gets\n"
      "SIGTERM a quarter of the lease before its end, and its group SIGKILL a sixteenth\n"
      "before. The first use of a name waits for one lease.\n\n"
      "What only the token protects: a machine (or all of these processes) that is paused\n"
      "and then runs on; a process that leaves COMMAND's process group (setsid, daemons) or\n"
      "takes another user's rights; a write that is under way in a disk or a network. Tokens\n"
      "only grow: have what you write to refuse lower ones, in the same statement:\n"
      "  UPDATE account SET balance = 7, token = $HEDGEROW_TOKEN\n"
      "   WHERE id = 1 AND token <= $HEDGEROW_TOKEN\n"
      "No row updated: somebody else has had the lock since.\n\n"
      "Example:\n"
      "  hedgerow lock nightly --wait 0 -- ./backup --all || echo not now\n"
      "  hedgerow lock deploy --wait 10m -- sh -c 'git pull && make install'\n\n" +
      std::string(lock_exit_codes_text));
}

void add_clock(CLI::App& app, command_line& line) {
  CLI::App& command =
      *app.add_subcommand("clock", "Show true time as a bounded clock knows it, and its error");
  add_clock_option(command, line.clock,
                   "auto, clockbound[:PATH], chrony[:HOST:PORT | :/PATH], declared:5ms or machine");
  add_brief_options(command, line.shared["clock"]);
  command.footer(
      "Exits with 0 if leases may rely on it; with 1 if not, and one line says why and\n"
      "what to do. Asks no agent: it shows what an agent with this --clock would see.\n"
      "With --json, earliest_ns and latest_ns are null while nothing is known.\n\n"
      "Example:\n  hedgerow clock\n"
      "  hedgerow clock --clock chrony --json | jq .error_bound_ns\n\n" +
      std::string(exit_codes_text));
}

void add_stream(CLI::App& app, command_line& line) {
  add_stream_options(
      add_command(
          app, line, "stream", "Stream lines of stdin to the leader, and print what comes back",
          "Each line is a message; each message that comes back is printed at once, as a line,\n"
          "with --all behind the member's name and a tab. The end of stdin finishes the stream;\n"
          "the command ends when the other side has finished, too, and both have consumed\n"
          "everything. --timeout is for finding the leader and opening the stream.\n\n"
          "Whoever is slow holds up the stream, not memory: agents that do not read, a stdout\n"
          "that nobody reads. With --all the fastest member sets the pace: up to --buffer bytes\n"
          "wait for a slower one, then the others wait for it, for one second in all, and then\n"
          "its stream is cancelled as one that does not keep up.\n\n"
          "A stream to the leader ends with its leadership. The error says how many lines are\n"
          "consumed for certain: go on behind them. No line is sent twice by itself.\n\n"
          "Example:\n"
          "  hedgerow agent --name a --on-stream 'sed -u s/^/got:/'     # the other end\n"
          "  tail -f app.log | hedgerow stream --meta source=app > answers\n"
          "  hedgerow stream --all --json < orders | jq -r 'select(.from).reply'\n\n"
          "Exits with 0 if all was consumed, 5 if a stream broke off, 4 if a stream was taken by\n"
          "nobody, 1 if a handler failed or a line is too long; with --all with the worst of\n"
          "them in this order; with 128 + n after signal n.\n"),
      line.stream);
}

void add_commands(CLI::App& app, command_line& line) {
  add_agent_options(
      add_command(
          app, line, "agent", "Be a member of the group, until SIGTERM",
          "Prints what happens, one line each; `ready` once it is a member. SIGTERM or\n"
          "Ctrl-C hands leadership over and leaves; a second one ends it at once. If it is no\n"
          "member after --timeout it says so on stderr, and goes on trying. Secrets and\n"
          "certificates are read again when they change, and on SIGHUP.\n\n"
          "CMD gets the message on stdin and replies on stdout. Its environment has\n"
          "HEDGEROW_TOKEN, HEDGEROW_FROM, HEDGEROW_GROUP and HEDGEROW_REMAINING_MS. Another\n"
          "status than 0 is an error reply, with the last line of stderr. Its process\n"
          "group is killed at the deadline, when leadership ends, and when it has replied.\n\n"
          "For a stream, CMD gets each message as a line on stdin and answers with lines; its\n"
          "exit is the end of the stream. Without CMD lines are echoed. As for messages, what\n"
          "the leader does for all (--on-stream) and what each member does "
          "(--on-broadcast-stream)\n"
          "are two options; HEDGEROW_STREAM_KIND is leader or all for a CMD that serves both, and\n"
          "HEDGEROW_META_<KEY> has the metadata. When the stream ends first, its process group\n"
          "gets SIGTERM, and SIGKILL 250 ms later. A CMD that buffers what it writes into a pipe\n"
          "answers late: use sed -u, grep --line-buffered, stdbuf -oL.\n\n"
          "Example:\n"
          "  hedgerow agent --name a --zone rack1 --tag role=db --on-send 'tr a-z A-Z'\n"
          "  hedgerow agent --name a --on-stream 'while read x; do echo $((x * x)); done'\n"
          "  hedgerow agent --store postgres://app@db/mydatabase --secret-file group.secret \\\n"
          "    --listen 0.0.0.0:7400\n"),
      line.agent);
  add_command(
      app, line, "members", "Show who is in the group",
      "STATE is joining, up, leaving or, where some can't reach it, degraded. TAGS and ZONE\n"
      "are what the member was started with; INCARNATION is another after each start.\n\n"
      "Example:\n  hedgerow members\n  hedgerow members --json | jq -r '.members[].name'\n"
      "  hedgerow members --from-store   # also when no agent is left\n")
      .add_flag("--from-store", line.from_store, "Read the group's rows, ask no agent")
      ->envname("HEDGEROW_FROM_STORE");
  add_command(app, line, "leader", "Show who leads, waiting for a leader if need be",
              "Example:\n  hedgerow leader --timeout 10s\n");
  add_clock(app, line);
  add_command(
      app, line, "watch", "Follow members and leader, until Ctrl-C",
      "Begins with the present state; finds another agent when the one it follows is gone.\n"
      "Until then --timeout only says when to complain on stderr.\n"
      "\nExample:\n  hedgerow watch\n  hedgerow watch --json | jq -c 'select(.event == "
      "\"leader\")'\n");
  add_text(add_command(app, line, "send", "Send a message to the leader and print its reply",
                       "Handled once, by a leader under its lease, or an exit code says what is\n"
                       "known. --timeout is also the handler's deadline.\n\n"
                       "Example:\n  hedgerow send 'run the nightly job' && echo done\n"
                       "  hedgerow send --timeout 30s - < job.bin > answer.bin\n"),
           line);
  add_text(add_command(
               app, line, "broadcast", "Send a message to every member",
               "Prints one line for each member of the view: its name, the outcome, its reply.\n\n"
               "Example:\n  hedgerow broadcast 'reload'\n\n"
               "Exits with 0 if all replied, 5 if any outcome is unknown, 4 if any member\n"
               "certainly did not execute it, 1 if a handler failed.\n"),
           line);
  add_stream(app, line);
  add_store_commands(app, line);
  add_secret_commands(app);
  add_lock(app, line.lock);
  CLI::App& help = *app.add_subcommand("help", "Explain a command");
  help.footer("Example:\n  hedgerow help send\n");
  help.add_option("COMMAND", line.topic, "The command; nothing explains them all")->type_name("");
}

// One word for them, as in all of our texts.
void call_them_commands(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands({})) {
    command->group("Commands");
    call_them_commands(*command);
  }
}

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  for (const auto* command : app.get_subcommands({})) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
}

int show_help(CLI::App& app, const std::string& topic) {
  const CLI::App* about = topic.empty() ? &app : find_command(app, topic);
  if (about == nullptr) {
    complain(hedgerow::error(hedgerow::errc::invalid_argument,
                             fmt::format("no command '{}'; see hedgerow --help", topic)));
    return exit_usage;
  }
  fmt::print("{}", about->help(about == &app ? "" : app.get_name()));
  return exit_done;
}

int run(CLI::App& app, const command_line& line) {
  const std::string command = app.get_subcommands().front()->get_name();
  if (command == "help") return show_help(app, line.topic);
  if (command == "secret") return run_secret_new();
  if (command == "store") return run_store_sql(line.role);
  if (command == "lock") return run_lock(line.lock);
  const auto& shared = line.shared.at(command);
  if (command == "agent") return run_agent(shared, line.agent);
  if (command == "members") return run_members(shared, line.from_store);
  if (command == "leader") return run_leader(shared);
  if (command == "clock") return run_clock(shared, line.clock);
  if (command == "watch") return run_watch(shared);
  if (command == "send") return run_send(shared, line.text);
  if (command == "stream") return run_stream(shared, line.stream);
  return run_broadcast(shared, line.text);
}

int refuse(const CLI::App& app, const std::string& why) {
  std::string command = "hedgerow";
  for (const CLI::App* chosen : app.get_subcommands())
    command += " " + chosen->get_name();
  complain(hedgerow::error(hedgerow::errc::invalid_argument,
                           fmt::format("{}; see {} --help", why, command)));
  return exit_usage;
}

// Every user of the machine sees the arguments of every process. What `lock` is to run may have
// passwords that are no business of ours.
bool shows_password(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const auto url = std::min(argument.find("postgres://"), argument.find("postgresql://"));
    if (url != argument.npos && hedgerow::holds_password(argument.substr(url))) return true;
  }
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  settle_process();
  CLI::App app{"Groups of processes: one leader, one member list, messages.", "hedgerow"};
  command_line line;
  const int own = count_own_words(argc, argv);
  if (own < argc) line.lock.command.assign(argv + own + 1, argv + argc);
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", "hedgerow " HEDGEROW_VERSION);
  app.footer(overview + std::string(exit_codes_text));
  app.get_formatter()->label("SUBCOMMAND", "COMMAND");
  add_commands(app, line);
  call_them_commands(app);
  // CLI11 reports with exceptions; none of them leaves this function.
  try {
    app.parse(own, argv);
  } catch (const CLI::Success& help_or_version) {
    return app.exit(help_or_version);
  } catch (const CLI::ParseError& why) {
    return refuse(app, why.what());
  }
  if (app.get_subcommands().empty()) return refuse(app, "say what to do");
  if (shows_password(own, argv))
    return refuse(app,
                  "a password on the command line is seen by everybody on this machine: give it by "
                  "PGPASSFILE (~/.pgpass) or PGPASSWORD, or the URL by HEDGEROW_STORE");
  // A command's own threads and descriptors; the library throws nothing.
  try {
    return run(app, line);
  } catch (const std::system_error& why) {
    complain({why.code(), fmt::format("{}; the system refuses a thread or a file descriptor: raise "
                                      "its limits (ulimit -u, -n and -v)",
                                      why.what())});
    return exit_failed;
  }
}
