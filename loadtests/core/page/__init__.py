"""The report as one page of HTML, which opens without a network: no script, no request, charts as inline SVG."""
