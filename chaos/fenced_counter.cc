#include "chaos/fenced_counter.h"

#include <cstdlib>
#include <cstring>
#include <memory>

#include <libpq-fe.h>
#include <poll.h>

namespace hedgerow::chaos {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// With the timeline of the server that executes it: a promotion may lose values, which are then
// made again.
std::string statement(bool fenced) {
  return std::string{"UPDATE hedgerow_chaos_counter SET value = value + 1, token = $1"} +
         (fenced ? " WHERE token <= $1" : "") +
         " RETURNING value, substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)";
}

struct clear {
  void operator()(PGresult* what) const { PQclear(what); }
};
using answer_ptr = std::unique_ptr<PGresult, clear>;

// The server rolled the statement back, and says so. FATAL is another thing: it ends the session,
// perhaps after a commit whose answer it cut short.
bool certainly_failed(const PGresult* answer) {
  const char* severity = PQresultErrorField(answer, PG_DIAG_SEVERITY_NONLOCALIZED);
  return severity != nullptr && std::strcmp(severity, "ERROR") == 0;
}

}  // namespace

std::string_view to_string(increment::outcome value) {
  switch (value) {
    case increment::outcome::done:
      return "done";
    case increment::outcome::refused:
      return "refused";
    case increment::outcome::unknown:
      return "unknown";
    case increment::outcome::failed:
      break;
  }
  return "failed";
}

fenced_counter::fenced_counter(std::string url, bool fenced)
    : url_(std::move(url)), statement_(statement(fenced)) {}

fenced_counter::~fenced_counter() {
  disconnect();
}

void fenced_counter::disconnect() {
  if (connection_ != nullptr) PQfinish(connection_);
  connection_ = nullptr;
}

bool fenced_counter::wait(short events, instant until) const {
  const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now());
  pollfd one{PQsocket(connection_), events, 0};
  return left.count() > 0 && poll(&one, 1, static_cast<int>(left.count())) > 0;
}

bool fenced_counter::connect(instant until) {
  if (connection_ != nullptr) return true;
  connection_ = PQconnectStart(url_.c_str());
  if (connection_ == nullptr || PQstatus(connection_) == CONNECTION_BAD) return false;
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK) {
    if (state == PGRES_POLLING_FAILED) return false;
    if (!wait(state == PGRES_POLLING_READING ? POLLIN : POLLOUT, until)) return false;
    state = PQconnectPoll(connection_);
  }
  return PQsetnonblocking(connection_, 1) == 0;
}

increment fenced_counter::answer(instant until) {
  increment found{.came_to = increment::outcome::unknown};
  for (;;) {
    while (PQisBusy(connection_) != 0) {
      if (!wait(POLLIN, until) || PQconsumeInput(connection_) == 0) return found;
    }
    const answer_ptr one{PQgetResult(connection_)};
    if (one == nullptr) return found;
    if (PQresultStatus(one.get()) == PGRES_TUPLES_OK) {
      const bool changed = PQntuples(one.get()) == 1;
      found.came_to = changed ? increment::outcome::done : increment::outcome::refused;
      if (changed) {
        found.value = std::atoll(PQgetvalue(one.get(), 0, 0));
        found.timeline = std::strtoll(PQgetvalue(one.get(), 0, 1), nullptr, 16);
      }
    } else if (certainly_failed(one.get())) {
      found.came_to = increment::outcome::failed;
    }
  }
}

increment fenced_counter::add(std::int64_t token, milliseconds patience) {
  const instant until = steady_clock::now() + patience;
  increment result;
  if (!connect(until)) {
    disconnect();
    return result;
  }
  const std::string text = std::to_string(token);
  const char* const values[] = {text.c_str()};
  // What libpq has handed to the kernel before it failed, it does not say.
  result.came_to = increment::outcome::unknown;
  if (PQsendQueryParams(connection_, statement_.c_str(), 1, nullptr, values, nullptr, nullptr, 0) !=
      0) {
    int left = PQflush(connection_);
    while (left == 1 && wait(POLLOUT, until))
      left = PQflush(connection_);
    if (left == 0) result = answer(until);
  }
  if (result.came_to == increment::outcome::unknown) disconnect();
  return result;
}

}  // namespace hedgerow::chaos
