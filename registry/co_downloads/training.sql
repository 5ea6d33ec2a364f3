-- Finds the packages that clients request in one install, in the access logs of shields. DuckDB runs these statements
-- for `python -m registry predict train`. Athena runs the same statements (docs/access-logs.md).
--
-- The statements read three tables. `shield_requests` has the lines of the access logs, with the field `install`.
-- `lists` (package, successor) has what prediction fetches without a model: all packages to which the lists in a
-- package's documents lead. `training` has one row with the settings:
--   held_out_from  the first held-out day, as text: 2026-11-20
--   support        the fewest installs that must contain both packages of a pair
--   confidence     the fewest installs with the successor, in percent of the installs with the package
--   most           the most successors of a package
--   largest        the most packages in an install; larger ones are mirrors, or many installs of one principal

-- One row for each package in each install: when a client first requested the package. An install is a time slot of one
-- principal, in one ecosystem. Lines of prefetches, and of clients with prediction, have no id in the field `install`.
CREATE TABLE package_requests AS
SELECT install, package, min("time") AS first_request
FROM (
  SELECT install || CASE WHEN path LIKE 'npm/%' THEN ' npm' ELSE ' pypi' END AS install,
         CASE WHEN path LIKE 'npm/%'
              THEN 'npm:' || regexp_extract(path, '^npm/(.+)/(-/[^/]+|packument[.]json|packument[.]abbreviated[.]json)$', 1)
              ELSE 'pypi:' || regexp_extract(path, '^pypi/(files|simple)/([^/]+)/[^/]+$', 2) END AS package,
         "time"
  FROM shield_requests
  WHERE method = 'GET' AND status IN (200, 304)
    AND regexp_extract(install, '^[0-9a-f]{32}$', 0) <> ''
    AND regexp_extract(path, '^(npm/.+/(-/[^/]+|packument[.]json|packument[.]abbreviated[.]json)|pypi/(files|simple)/[^/]+/[^/]+)$', 0) <> ''
) AS requests
GROUP BY install, package;

-- `is_listed`: a list in the documents of a package that the install requested before, or in the same second, leads to
-- this package.
CREATE TABLE installs AS
WITH listed AS (
  SELECT package_requests.install, lists.successor, min(package_requests.first_request) AS since
  FROM package_requests JOIN lists ON lists.package = package_requests.package
  GROUP BY package_requests.install, lists.successor
),
sizes AS (
  SELECT package_requests.install,
         sum(CASE WHEN listed.successor IS NULL THEN 1 ELSE 0 END) AS unlisted
  FROM package_requests LEFT JOIN listed
    ON listed.install = package_requests.install AND listed.successor = package_requests.package
    AND listed.since <= package_requests.first_request
  GROUP BY package_requests.install
)
SELECT package_requests.install, package_requests.package, package_requests.first_request,
       listed.successor IS NOT NULL AS is_listed
FROM package_requests JOIN sizes ON sizes.install = package_requests.install
CROSS JOIN training
LEFT JOIN listed
  ON listed.install = package_requests.install AND listed.successor = package_requests.package
  AND listed.since <= package_requests.first_request
WHERE sizes.unlisted <= training.largest;

-- The model: for each package, those packages that the same installs request afterwards or in the same second.
CREATE TABLE successors AS
WITH learned AS (
  SELECT installs.install, installs.package, installs.first_request
  FROM installs CROSS JOIN training
  WHERE NOT installs.is_listed AND installs.first_request < training.held_out_from
),
totals AS (
  SELECT package, count(*) AS installs FROM learned GROUP BY package
),
frequent AS (
  SELECT learned.install, learned.package, learned.first_request, totals.installs
  FROM learned JOIN totals ON totals.package = learned.package CROSS JOIN training
  WHERE totals.installs >= training.support
),
pairs AS (
  SELECT earlier.package, later.package AS successor, max(earlier.installs) AS installs, count(*) AS together
  FROM frequent AS earlier JOIN frequent AS later
    ON later.install = earlier.install AND later.package <> earlier.package
    AND later.first_request >= earlier.first_request
  GROUP BY earlier.package, later.package
),
ranked AS (
  SELECT pairs.package, pairs.successor, pairs.installs, pairs.together,
         row_number() OVER (PARTITION BY pairs.package ORDER BY pairs.together DESC, pairs.successor) AS place
  FROM pairs CROSS JOIN training
  WHERE pairs.together >= training.support AND pairs.together * 100 >= training.confidence * pairs.installs
)
SELECT ranked.package, ranked.successor, ranked.installs, ranked.together
FROM ranked CROSS JOIN training
WHERE ranked.place <= training.most;

-- How the model does on the held-out days. `wanted`: packages without a list, requested after another package of the
-- install or in the same second. `predicted`: packages that the model would have fetched, except for those that an
-- earlier request or a list had brought. `hits`: packages that are both.
CREATE TABLE figures AS
WITH held_out AS (
  SELECT installs.install, installs.package, installs.first_request, installs.is_listed
  FROM installs CROSS JOIN training
  WHERE installs.first_request >= training.held_out_from
),
wanted AS (
  SELECT DISTINCT later.install, later.package
  FROM held_out AS later JOIN held_out AS earlier
    ON earlier.install = later.install AND earlier.package <> later.package
    AND earlier.first_request <= later.first_request
  WHERE NOT later.is_listed
),
predicted AS (
  SELECT DISTINCT held_out.install, successors.successor AS package
  FROM held_out JOIN successors ON successors.package = held_out.package
  LEFT JOIN held_out AS fetched
    ON fetched.install = held_out.install AND fetched.package = successors.successor
    AND (fetched.is_listed OR fetched.first_request < held_out.first_request)
  WHERE fetched.package IS NULL
)
SELECT (SELECT count(DISTINCT installs.install) FROM installs CROSS JOIN training
        WHERE installs.first_request < training.held_out_from) AS installs,
       (SELECT count(DISTINCT install) FROM held_out) AS held_out_installs,
       (SELECT count(*) FROM wanted) AS wanted,
       (SELECT count(*) FROM predicted) AS predicted,
       (SELECT count(*) FROM predicted JOIN wanted
          ON wanted.install = predicted.install AND wanted.package = predicted.package) AS hits;
