/* The picture of a comparison, drawn by gnuplot: time and memory over workers, a line a mode. */
#ifndef PFETCH_COMPARE_PLOT_H
#define PFETCH_COMPARE_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plot_point {
    const char *mode;
    uint32_t workers;
    double real; /* seconds */
    double pss;  /* bytes */
};

/* gnuplot is there. */
bool plot_possible(void);

/* A file could be written at `path`; else errno says why not. Changes nothing. */
bool plot_writable(const char *path);

/* Writes an SVG file at `path`; points of equal mode must stand together. 0, or -1 with a line on standard
 * error. */
int plot_draw(const char *path, const struct plot_point *points, size_t count);

#endif
