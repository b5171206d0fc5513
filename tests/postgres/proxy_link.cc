#include "tests/postgres/proxy_link.h"

#include <cerrno>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace hedgerow::postgres_test {
namespace {

constexpr auto never = steady_clock::time_point::max();

std::uint32_t number_at(const std::string& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i)
    value = value << 8U | static_cast<unsigned char>(bytes[i]);
  return value;
}

std::string as_bytes(std::uint32_t value) {
  return {static_cast<char>(value >> 24U), static_cast<char>(value >> 16U),
          static_cast<char>(value >> 8U), static_cast<char>(value)};
}

// The length of the message that begins there, with its type; 0 while it is not all there.
std::size_t message_at(const std::string& bytes, std::size_t at) {
  if (bytes.size() < at + 5) return 0;
  const std::size_t length = std::size_t{1} + number_at(bytes, at + 1);
  return bytes.size() - at < length ? 0 : length;
}

// Of a Query or a Parse; empty for others.
std::string sql_in(const std::string& message) {
  if (message[0] == 'Q') return message.c_str() + 5;
  if (message[0] != 'P') return {};
  const std::size_t name_end = message.find('\0', 5);
  return name_end == message.npos ? "" : message.c_str() + name_end + 1;
}

std::string error_message(const std::string& sqlstate) {
  std::string fields;
  for (const std::string& field : {std::string("SERROR"), std::string("VERROR"), "C" + sqlstate,
                                   std::string("Mrefused by the proxy")})
    fields += field + '\0';
  fields += '\0';
  return "E" + as_bytes(static_cast<std::uint32_t>(fields.size() + 4)) + fields + "Z" +
         as_bytes(5) + "I";
}

// False: the other side has ended it.
bool read_all(int fd, std::string& into) {
  char buffer[16384];
  for (;;) {
    const ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n > 0) {
      into.append(buffer, static_cast<std::size_t>(n));
    } else {
      return n < 0 && (errno == EAGAIN || errno == EINTR);
    }
  }
}

bool write_all(int fd, std::string& from) {
  while (!from.empty()) {
    const ssize_t n = send(fd, from.data(), from.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0) return n < 0 && (errno == EAGAIN || errno == EINTR);
    from.erase(0, static_cast<std::size_t>(n));
  }
  return true;
}

void close_if_open(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

}  // namespace

proxy_link::proxy_link(int number, int client, int server)
    : number_(number), client_(client), server_(server), ended_(server < 0) {}

proxy_link::~proxy_link() {
  close_if_open(client_);
  close_if_open(server_);
}

short proxy_link::client_events() const {
  return static_cast<short>(POLLIN | (to_client_.empty() ? 0 : POLLOUT));
}

short proxy_link::server_events() const {
  return static_cast<short>(POLLIN | (to_server_.empty() ? 0 : POLLOUT));
}

steady_clock::time_point proxy_link::wakes_at() const {
  return kept() ? until_ : never;
}

void proxy_link::release() {
  if (kept()) until_ = steady_clock::now();
}

void proxy_link::advance(const std::function<ruling(int, const std::string&)>& ask) {
  hear_client();
  hear_server();
  step(ask);
  if (ended_) return;  // cut: nobody gets what is still here
  flush();
  end_when_told();
}

void proxy_link::hear_client() {
  if (client_ >= 0 && !read_all(client_, from_client_)) drop_client();
}

void proxy_link::hear_server() {
  if (server_ < 0 || read_all(server_, from_server_)) return;
  close_if_open(server_);
  server_gone_ = true;
}

void proxy_link::drop_client() {
  close_if_open(client_);
  to_client_.clear();
}

void proxy_link::step(const std::function<ruling(int, const std::string&)>& ask) {
  while (!started_ && take_startup()) {
  }
  if (stage_ == stage::idle && started_) take_request(ask);
  if (stage_ == stage::request_kept && steady_clock::now() >= until_) {
    to_server_ += request_;
    stage_ = stage::executing;
  }
  take_answers();
  if (stage_ == stage::answer_kept && steady_clock::now() >= until_) {
    to_client_ += answer_;
    stage_ = stage::idle;
  }
}

// Messages before the first of a known user have no type. True: another one may follow.
bool proxy_link::take_startup() {
  constexpr std::uint32_t version_3 = 196608;
  constexpr std::uint32_t cancel = 80877102;
  if (from_client_.size() < 8 || from_client_.size() < number_at(from_client_, 0)) return false;
  const std::uint32_t length = number_at(from_client_, 0);
  const std::uint32_t code = number_at(from_client_, 4);
  if (code == version_3) {
    to_server_ += from_client_.substr(0, length);
    started_ = true;
  } else if (code == cancel) {
    last_words_ = true;
  } else {
    to_client_ += "N";
  }
  from_client_.erase(0, length);
  return !started_;
}

bool proxy_link::take_request(const std::function<ruling(int, const std::string&)>& ask) {
  std::string sql;
  for (std::size_t at = 0, length = 0; (length = message_at(from_client_, at)) > 0; at += length) {
    const char type = from_client_[at];
    if (type == 'p' || type == 'X') {
      to_server_ += from_client_.substr(at, length);
      from_client_.erase(at, length);
      length = 0;
      continue;
    }
    if (const std::string found = sql_in(from_client_.substr(at, length)); !found.empty())
      sql = found;
    if (type != 'S' && type != 'Q') continue;
    request_ = from_client_.substr(0, at + length);
    from_client_.erase(0, at + length);
    answer_.clear();
    rule_ = ask(number_, sql);
    judged();
    return true;
  }
  return false;
}

void proxy_link::judged() {
  stage_ = stage::request_kept;
  until_ = steady_clock::now() + rule_.before;
  switch (rule_.what) {
    case fate::cut_before:
      ended_ = true;
      break;
    case fate::hold_request:
      until_ = never;
      break;
    case fate::refuse:
      to_client_ += error_message(rule_.sqlstate);
      stage_ = stage::idle;
      break;
    default:
      break;
  }
}

void proxy_link::take_answers() {
  std::size_t length = 0;
  while ((length = message_at(from_server_, 0)) > 0) {
    const bool last = from_server_[0] == 'Z';
    std::string& to = stage_ == stage::executing ? answer_ : to_client_;
    to += from_server_.substr(0, length);
    from_server_.erase(0, length);
    if (last && stage_ == stage::executing) executed();
  }
  if (!server_gone_) return;
  // What was the server's last word on a request is an answer, too.
  if (stage_ == stage::executing) executed();
  last_words_ = stage_ != stage::answer_kept;
}

void proxy_link::executed() {
  stage_ = stage::answer_kept;
  until_ = steady_clock::now() + rule_.after;
  switch (rule_.what) {
    case fate::cut_after:
      ended_ = true;
      break;
    case fate::hold_answer:
      until_ = never;
      break;
    case fate::drop_answer:
      stage_ = stage::idle;
      break;
    default:
      break;
  }
}

void proxy_link::flush() {
  if (client_ >= 0 && !write_all(client_, to_client_)) drop_client();
  if (server_ >= 0 && !write_all(server_, to_server_)) {
    close_if_open(server_);
    server_gone_ = true;
  }
}

void proxy_link::end_when_told() {
  // A request outlives its client where it is to come late, and while it is executed.
  const bool deserted = client_ < 0 && (stage_ == stage::idle || stage_ == stage::answer_kept);
  if (deserted || (last_words_ && to_client_.empty()) || (server_ < 0 && client_ < 0))
    ended_ = true;
}

}  // namespace hedgerow::postgres_test
