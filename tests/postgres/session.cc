#include "tests/postgres/session.h"

#include <algorithm>
#include <memory>

#include <libpq-fe.h>
#include <poll.h>

namespace hedgerow::postgres_test {
namespace {

struct cleared {
  void operator()(PGresult* result) const { PQclear(result); }
};
using result_handle = std::unique_ptr<PGresult, cleared>;

std::string one_line(const char* text) {
  std::string line = text == nullptr ? "" : text;
  while (!line.empty() && line.back() == '\n')
    line.pop_back();
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

std::string state_and_text(const PGresult* result) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (state == nullptr) return one_line(PQresultErrorMessage(result));
  return state + std::string{" "} + one_line(text);
}

void on_notice(void* to, const PGresult* notice) {
  static_cast<std::vector<std::string>*>(to)->push_back(state_and_text(notice));
}

std::string rows_of(const PGresult* result) {
  std::string rows;
  for (int row = 0; row < PQntuples(result); ++row) {
    for (int column = 0; column < PQnfields(result); ++column) {
      if (column > 0) rows += "|";
      rows += PQgetisnull(result, row, column) != 0 ? "NULL" : PQgetvalue(result, row, column);
    }
    rows += "\n";
  }
  return rows;
}

}  // namespace

session::session(const std::string& url, milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  connection_ = PQconnectStart(url.c_str());
  if (connection_ == nullptr) throw std::bad_alloc{};
  PQsetNoticeReceiver(connection_, on_notice, &notices_);
  for (auto state = PGRES_POLLING_WRITING; PQstatus(connection_) != CONNECTION_BAD;) {
    if (state == PGRES_POLLING_OK) return;
    if (state == PGRES_POLLING_FAILED) break;
    if (!wait_socket(state == PGRES_POLLING_WRITING, deadline)) {
      error_ = "timeout";
      return;
    }
    state = PQconnectPoll(connection_);
  }
  error_ = one_line(PQerrorMessage(connection_));
}

session::~session() {
  PQfinish(connection_);
}

int session::backend_pid() const {
  return PQbackendPID(connection_);
}

bool session::wait_socket(bool writing, steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(std::max(deadline - steady_clock::now(), {}));
  pollfd socket{PQsocket(connection_), static_cast<short>(writing ? POLLOUT : POLLIN), 0};
  return poll(&socket, 1, static_cast<int>(left.count())) > 0;
}

bool session::wait_result(steady_clock::time_point deadline) {
  while (PQisBusy(connection_) != 0) {
    if (!wait_socket(false, deadline)) return false;
    if (PQconsumeInput(connection_) == 0) break;  // PQgetResult tells the failure
  }
  return true;
}

std::string session::query(const std::string& sql, milliseconds patience) {
  if (!error_.empty()) return "error: " + error_;
  const auto deadline = steady_clock::now() + patience;
  if (PQsendQuery(connection_, sql.c_str()) == 0)
    return "error: " + one_line(PQerrorMessage(connection_));
  std::string rows, failure;
  for (;;) {
    if (!wait_result(deadline)) {
      error_ = "timeout";
      return "error: timeout";
    }
    const result_handle result{PQgetResult(connection_)};
    if (!result) return failure.empty() ? rows : "error: " + failure;
    const auto status = PQresultStatus(result.get());
    if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
      failure += (failure.empty() ? "" : "; ") + state_and_text(result.get());
    } else {
      rows = rows_of(result.get());
      command_tag_ = PQcmdStatus(result.get());
    }
  }
}

}  // namespace hedgerow::postgres_test
