#pragma once
// Hosts on a network of their own: network namespaces, each with a link to one router.
//
// Needs root. The names hold this process's id, so that several runs can share a machine; what a
// run leaves behind that was killed is removed by the next.

#include <functional>
#include <string>

namespace hedgerow::system_test {

class network {
 public:
  enum class family { ipv4, ipv6 };

  // Fails the test, and leaves ready() false, where namespaces can't be made.
  explicit network(int hosts);
  ~network();
  network(const network&) = delete;
  network& operator=(const network&) = delete;

  bool ready() const { return ready_; }
  // For process_setup::network_namespace.
  std::string host(int number) const;
  // Of private ranges, within these namespaces only.
  std::string address(int number, family which = family::ipv4) const;

  // Silently loses what goes from one host to the other, and not what comes back.
  void cut(int from, int to);
  void heal(int from, int to);

 private:
  bool run(const std::string& command) const;
  bool build();
  bool link(int number);
  void change_rules(const char* action, int from, int to);

  int hosts_;
  std::string prefix_;
  bool ready_ = false;
};

// Runs it on a thread that is in the namespace; an empty name is this process's own. False if there
// is no such namespace or this process may not enter it.
bool inside(const std::string& network_namespace, const std::function<void()>& what);

}  // namespace hedgerow::system_test
