// SPDX-License-Identifier: Apache-2.0
//
// AdminAnswers: what each path of the admin page's listener answers.
//
// Threads: the owner's only.
// Order:   access is checked first, so that a request that is refused learns
//          nothing of the paths.
// Example: AdminAnswers answers(source, AdminAccess({...}));
//          HttpAnswer answer = answers.Answer(request);
#ifndef PINION_SERVER_ADMIN_ADMIN_ANSWERS_H_
#define PINION_SERVER_ADMIN_ADMIN_ANSWERS_H_

#include "absl/strings/string_view.h"
#include "pinion/server/admin/admin_access.h"
#include "pinion/server/admin/admin_source.h"
#include "pinion/server/http/http_answer.h"
#include "pinion/server/http/http_request.h"

namespace pinion {

class AdminAnswers {
 public:
  // `source` outlives it.
  AdminAnswers(AdminSource& source, AdminAccess access)
      : source_(source), access_(std::move(access)) {}

  HttpAnswer Answer(const HttpRequest& request);

 private:
  HttpAnswer Read(const HttpRequest& request);
  HttpAnswer Api(absl::string_view what, const HttpRequest& request);
  HttpAnswer Why(const HttpRequest& request);
  HttpAnswer Config();
  HttpAnswer Set(const HttpRequest& request, absl::string_view name);

  AdminSource& source_;
  const AdminAccess access_;
};

}  // namespace pinion

#endif  // PINION_SERVER_ADMIN_ADMIN_ANSWERS_H_
