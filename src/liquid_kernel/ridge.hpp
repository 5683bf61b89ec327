// Ridge regressions that share their samples and differ in how long they remember them; what
// adaptation/ridge_bank.py calls. One implementation for each instruction set (see kernels.cpp).
#pragma once

#include <memory>

namespace liquid {

struct RidgeShape {
  int estimates, features, outputs;
};

// Keeps nothing from call to call but scratch memory. All arrays are row-major. A row of `sums`
// (estimates, features, features + outputs) is one of sum w phi phi^T and of sum w phi residual^T.
class Ridge {
 public:
  virtual ~Ridge() = default;

  // Adds samples, oldest first: phi (rows, features), residual (rows, outputs). Each lets those
  // before it fade by exp(-ages / memories) and counts `counts` times itself, (rows).
  virtual void learn(const RidgeShape& shape, const double* memories, int rows, const double* phi,
                     const double* residual, const double* ages, const double* counts,
                     double* sums) = 0;

  // corrections (estimates, features, outputs), written: the solution of
  // (sum w phi phi^T + strength prior + jitter) x = sum w phi residual^T.
  // prior: (features, features), symmetric and not negative. jitter: > 0, no pivot is smaller.
  // phi, residual, counts: samples that count this time beside what is in the sums.
  virtual void solve(const RidgeShape& shape, const double* strengths, const double* prior,
                     double jitter, const double* sums, int rows, const double* phi,
                     const double* residual, const double* counts, double* corrections) = 0;

  // projected (coordinates) = directions (features, coordinates)^T phi.
  virtual void project(int features, int coordinates, const double* directions, const double* phi,
                       double* projected) const = 0;
};

std::unique_ptr<Ridge> make_ridge();

}  // namespace liquid
