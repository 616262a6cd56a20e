import { Component, type ReactNode } from 'react';
import { Notice } from '../components/notice.js';

interface Props {
  readonly children: ReactNode;
}

/** A page that fails to load or to show leaves the others alone, and says what to do. */
export class PageBoundary extends Component<Props, { readonly failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <Notice
        tone="alarm"
        title="This page could not be shown"
        action={{ label: 'Reload', onClick: () => location.reload() }}
      >
        Part of it did not load, or something in it went wrong. If this device is offline, go online first.
      </Notice>
    );
  }
}
